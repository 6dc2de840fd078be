"""How the generated pictures are drawn, with numpy alone: canvas and sprites, sky, town, plants, ground."""
