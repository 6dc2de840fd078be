"""Exercise 08, right and wrong answers to the question about border weights."""

import numpy as np
import torch
from scipy import ndimage

from course_lib import losses


def distances(ids):
    """ids (H, W) array -> the distance maps of its objects, nearest first."""
    numbers = np.unique(ids[ids > 0])
    return np.sort([ndimage.distance_transform_edt(ids != number) for number in numbers], axis=0)


def finished(ids, weights):
    return torch.from_numpy(np.where(ids == 0, weights, 0))


def of_sums(ids, weigh):
    """Weights by a formula of d1 and d2."""
    ids = ids.numpy()
    if len(np.unique(ids[ids > 0])) < 2:
        return torch.zeros(ids.shape)
    far = distances(ids)
    return finished(ids, weigh(far[0], far[1]))


def weights_by_loops(ids, w0, sigma):
    """Pixel by pixel, from the coordinates of the objects, in pure Python and torch."""
    weights = torch.zeros(ids.shape)
    objects = [torch.nonzero(ids == number).double() for number in set(ids.flatten().tolist()) - {0}]
    if len(objects) < 2:
        return weights
    for place in torch.nonzero(ids == 0):
        far = sorted(float((one - place).pow(2).sum(1).min()) ** 0.5 for one in objects)
        weights[tuple(place)] = w0 * np.exp(-((far[0] + far[1]) ** 2) / 2 / sigma**2)
    return weights


def weights_by_minima(ids, w0, sigma):
    """Keeps the two smallest as it goes, over all numbers up to the largest; infinity stands for no object."""
    ids = ids.numpy().astype(int)
    d1, d2 = np.full((2, *ids.shape), np.inf)
    for number in range(1, ids.max() + 1):
        if not (ids == number).any():
            continue
        d = ndimage.distance_transform_edt(ids != number)
        d1, d2 = np.minimum(d1, d), np.minimum(np.maximum(d1, d), d2)
    return torch.tensor(w0 * np.exp(-0.5 * ((d1 + d2) / sigma) ** 2) * (ids == 0))


def weights_from_the_library(ids, w0, sigma):
    return losses.border_weights(ids, w0=w0, sigma=sigma)


def weights_of_edges(ids, w0, sigma):
    """The misconception: edges count."""
    near = ndimage.distance_transform_edt(ids.numpy() == 0)
    if not ids.any():
        return torch.zeros(ids.shape)
    return finished(ids.numpy(), w0 * np.exp(-(near**2) / (2 * sigma**2)))


def weights_from_centers(ids, w0, sigma):
    ids = ids.numpy()
    numbers = np.unique(ids[ids > 0])
    if len(numbers) < 2:
        return torch.zeros(ids.shape)
    rows, columns = np.indices(ids.shape)
    centers = ndimage.center_of_mass(ids > 0, ids, numbers)
    far = np.sort([np.hypot(rows - row, columns - column) for row, column in centers], axis=0)
    return finished(ids, w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def weights_to_the_second_pixel(ids, w0, sigma):
    """The two nearest of all object pixels, mostly neighbors."""
    weights = torch.zeros(ids.shape, dtype=torch.float64)
    pixels = torch.nonzero(ids).double()
    if len(pixels) < 2:
        return weights
    for place in torch.nonzero(ids == 0):
        near = (pixels - place).pow(2).sum(1).sqrt().topk(2, largest=False).values
        weights[tuple(place)] = w0 * torch.exp(-(near.sum() ** 2) / (2 * sigma**2))
    return weights


def weights_of_pieces(ids, w0, sigma):
    """Connected pieces of the foreground, as if the numbers were not there."""
    labels, _ = ndimage.label(ids.numpy() > 0)
    return of_sums(torch.from_numpy(labels), lambda d1, d2: w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


def weights_of_each_piece(ids, w0, sigma):
    ids, labels, count = ids.numpy(), np.zeros(ids.shape, int), 0
    for number in np.unique(ids[ids > 0]):
        pieces, found = ndimage.label(ids == number)
        labels[pieces > 0] = pieces[pieces > 0] + count
        count += found
    return of_sums(torch.from_numpy(labels), lambda d1, d2: w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


def weights_of_all_numbers(ids, w0, sigma):
    ids = ids.numpy()
    far = [ndimage.distance_transform_edt(ids != number) for number in range(1, int(ids.max()) + 1)]
    if len(far) < 2:
        return torch.zeros(ids.shape)
    far = np.sort(far, axis=0)
    return finished(ids, w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def weights_of_counted_numbers(ids, w0, sigma):
    ids = ids.numpy()
    count = len(np.unique(ids[ids > 0]))
    if count < 2:
        return torch.zeros(ids.shape)
    far = np.sort([ndimage.distance_transform_edt(ids != number) for number in range(1, count + 1)], axis=0)
    return finished(ids, w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def of_sorted(ids, w0, sigma, pick):
    """Weights by the two maps that `pick` takes from those of the objects, in the order of their numbers."""
    ids = ids.numpy()
    numbers = np.unique(ids[ids > 0])
    if len(numbers) < 2:
        return torch.zeros(ids.shape)
    d1, d2 = pick(np.stack([ndimage.distance_transform_edt(ids != number) for number in numbers]))
    return finished(ids, w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


def weights_sorted_in_the_picture(ids, w0, sigma):
    """Forgets the axis of `np.sort`."""
    return of_sorted(ids, w0, sigma, lambda far: np.sort(far)[:2])


def weights_sorted_down(ids, w0, sigma):
    return of_sorted(ids, w0, sigma, lambda far: np.sort(far, axis=1)[:2])


def weights_by_topk(ids, w0, sigma):
    """Forgets `largest=False`."""
    return of_sorted(ids, w0, sigma, lambda far: torch.from_numpy(far).topk(2, dim=0).values.numpy())


def weights_by_partition(ids, w0, sigma):
    """Single precision, objects of a set, the two nearest by `np.partition`."""
    return of_sorted(ids, w0, sigma, lambda far: np.partition(far, 1, axis=0)[:2]).float()


def weights_of_three(ids, w0, sigma):
    """Takes the background for one of the two objects that are needed."""
    return weights_by_minima(ids, w0, sigma) if len(ids.unique()) > 3 else torch.zeros(ids.shape)


def weights_of_the_paper(ids, w0, sigma):
    return weights_by_minima(ids, 10, 5)


def weights_of_its_w0(ids, w0, sigma):
    return weights_by_minima(ids, 10, sigma)


def weights_of_its_sigma(ids, w0, sigma):
    return weights_by_minima(ids, w0, 5)


def weights_with_background(ids, w0, sigma):
    ids = ids.numpy()
    far = np.sort([ndimage.distance_transform_edt(ids != number) for number in np.unique(ids)], axis=0)
    if len(far) < 2:
        return torch.zeros(ids.shape)
    return finished(ids, w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def weights_measure_inside(ids, w0, sigma):
    ids = ids.numpy()
    numbers = np.unique(ids[ids > 0])
    if len(numbers) < 2:
        return torch.zeros(ids.shape)
    far = np.sort([ndimage.distance_transform_edt(ids == number) for number in numbers], axis=0)
    return finished(ids, w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def weights_of_squares(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-(d1**2 + d2**2) / (2 * sigma**2)))


def weights_of_differences(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-((d1 - d2) ** 2) / (2 * sigma**2)))


def weights_without_two(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-((d1 + d2) ** 2) / sigma**2))


def weights_two_squared(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-(((d1 + d2) / (2 * sigma)) ** 2)))


def weights_sigma_unsquared(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma)))


def weights_unsquared(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-(d1 + d2) / (2 * sigma**2)))


def weights_without_brackets(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-((d1 + d2) ** 2) / 2 * sigma**2))


def weights_without_minus(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp((d1 + d2) ** 2 / (2 * sigma**2)))


def weights_without_w0(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


def weights_d2_alone(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-(d2**2) / (2 * sigma**2)))


def weights_d1_twice(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-((2 * d1) ** 2) / (2 * sigma**2)))


def weights_to_the_farthest(ids, w0, sigma):
    ids = ids.numpy()
    if len(np.unique(ids[ids > 0])) < 2:
        return torch.zeros(ids.shape)
    far = distances(ids)
    return finished(ids, w0 * np.exp(-((far[0] + far[-1]) ** 2) / (2 * sigma**2)))


def weights_on_objects(ids, w0, sigma):
    ids = ids.numpy()
    if len(np.unique(ids[ids > 0])) < 2:
        return torch.zeros(ids.shape)
    far = distances(ids)
    return torch.from_numpy(w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def weights_plus_one(ids, w0, sigma):
    return 1 + weights_by_minima(ids, w0, sigma)


def weights_in_steps(ids, w0, sigma):
    ids = ids.numpy()
    numbers = np.unique(ids[ids > 0])
    if len(numbers) < 2:
        return torch.zeros(ids.shape)
    far = np.sort([ndimage.distance_transform_cdt(ids != number, "taxicab") for number in numbers], axis=0)
    return finished(ids, w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def weights_between_edges(ids, w0, sigma):
    return of_sums(ids, lambda d1, d2: w0 * np.exp(-((d1 + d2 - 1) ** 2) / (2 * sigma**2)))


def weights_forget_the_lone(ids, w0, sigma):
    far = distances(ids.numpy())
    return finished(ids.numpy(), w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2)))


def weights_around_the_lone(ids, w0, sigma):
    array = ids.numpy()
    if not array.any():
        return torch.zeros(ids.shape)
    far = distances(array)
    second = far[1] if len(far) > 1 else 0
    return finished(array, w0 * np.exp(-((far[0] + second) ** 2) / (2 * sigma**2)))


def weights_in_whole_numbers(ids, w0, sigma):
    weights = torch.zeros_like(ids)
    right = weights_by_minima(ids, w0, sigma)
    weights[ids == 0] = right[ids == 0].to(ids.dtype)
    return weights


def weights_as_an_array(ids, w0, sigma):
    return weights_by_minima(ids, w0, sigma).numpy()


MUTANTS = [
    (weights_of_edges, "only the distance to the nearest object"),
    (weights_from_centers, "an object's *nearest* pixel"),
    (weights_to_the_second_pixel, "the second nearest *pixel* here"),
    (weights_of_pieces, "a connected piece of all objects"),
    (weights_of_each_piece, "two pieces of one object"),
    (weights_of_all_numbers, "numbers that are left out count as objects"),
    (weights_of_counted_numbers, "to have the numbers 1 to n"),
    (weights_sorted_in_the_picture, "sorted along the rows of the picture"),
    (weights_sorted_down, "sorted along the columns of the picture"),
    (weights_by_topk, "the two *farthest* objects"),
    (weights_of_three, "two are enough for a gap"),
    (weights_of_the_paper, "10 and 5 stand where"),
    (weights_of_its_w0, "10 stands where the argument `w0` belongs"),
    (weights_of_its_sigma, "5 stands where the argument `sigma` belongs"),
    (weights_with_background, "is the background, 0, taken for an object"),
    (weights_measure_inside, "measures *inside* a mask"),
    (weights_of_squares, "each distance is squared by itself"),
    (weights_of_differences, "the difference of the distances"),
    (weights_without_two, "the factor 2 below the line is missing"),
    (weights_two_squared, "2σ is squared"),
    (weights_sigma_unsquared, "σ is not squared"),
    (weights_unsquared, "the sum of the distances is not squared"),
    (weights_without_brackets, "this multiplies by σ²"),
    (weights_without_minus, "the minus in the exponent"),
    (weights_without_w0, "`w0` is missing"),
    (weights_d2_alone, "weights by d2 alone"),
    (weights_d1_twice, "d1 is taken twice"),
    (weights_to_the_farthest, "the *farthest* object"),
    (weights_on_objects, "objects have weights, too"),
    (weights_plus_one, "1 is added: the border weights"),
    (weights_in_steps, "in steps along rows and columns"),
    (weights_between_edges, "half a pixel less"),
    (weights_forget_the_lone, "so return early"),
    (weights_around_the_lone, "a lone object has weights around it"),
    (weights_in_whole_numbers, "these are whole numbers"),
    (weights_as_an_array, "a NumPy array where a torch tensor is wanted"),
    (weights_from_the_library, "of course_lib, which this question does not allow"),
]
ALTERNATES = [weights_by_loops, weights_by_minima, weights_by_partition]
