// Questions with one right choice each; whichever is chosen, its explanation appears. answers[i] is the choice of question i or null.

/** Text with `code` spans as nodes; everything else stays plain text, so no markup gets in. */
export function withCode(text) {
  return text.split(/(`[^`]+`)/).map((part) => (part.length > 2 && /^`.*`$/s.test(part) ? h("code", {}, part.slice(1, -1)) : part));
}

export function score(questions, answers) {
  const right = questions.filter(({ choices }, index) => choices[answers[index]]?.correct).length;
  const given = answers.filter((answer) => answer !== null).length;
  return `${right} of ${questions.length} correct` + (given < questions.length ? `, ${questions.length - given} still open` : "");
}

export function render({ model, el }) {
  const root = card(el, "Quiz");
  const questions = model.get("questions");
  const total = h("p", { class: "cw-score", role: "status" });
  const blocks = questions.map(({ question, choices }, index) => {
    const group = fresh();
    const radios = choices.map((_, number) =>
      h("input", {
        type: "radio", name: group, value: number,
        onchange: () => update(model, { answers: model.get("answers").map((old, i) => (i === index ? number : old)) }),
      }),
    );
    const labels = choices.map(({ text }, number) => h("label", { class: "cw-choice" }, radios[number], h("span", {}, ...withCode(text))));
    const why = h("div", { class: "cw-why", "aria-live": "polite" });
    const legend = h("legend", {}, h("b", {}, `${index + 1}. `), ...withCode(question));
    return { radios, labels, why, choices, node: h("fieldset", { class: "cw-question" }, legend, ...labels, why) };
  });
  root.append(...blocks.map(({ node }) => node), total);

  function draw() {
    const answers = model.get("answers");
    blocks.forEach(({ radios, labels, why, choices }, index) => {
      const answer = answers[index];
      radios.forEach((radio, number) => (radio.checked = number === answer));
      labels.forEach((label, number) => {
        const verdict = number !== answer ? "" : choices[number].correct ? " cw-right" : " cw-false";
        label.className = `cw-choice${verdict}`;
      });
      if (why.dataset.answer === String(answer)) return;
      why.dataset.answer = answer;
      const chosen = choices[answer];
      why.className = `cw-why ${chosen ? (chosen.correct ? "cw-right" : "cw-false") : ""}`;
      why.replaceChildren(...(chosen ? [h("b", {}, chosen.correct ? "✓ Right. " : "✗ Not quite. "), ...withCode(chosen.why)] : []));
    });
    total.textContent = score(questions, answers);
  }

  return drawOnChange(model, ["answers"], draw);
}

export default { render };
