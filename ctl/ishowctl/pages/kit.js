"use strict";
// Blind A/B listening: random pairs on random sides, and only at the end which was which.

const kit = JSON.parse(document.getElementById("kit").textContent);
const samples = Object.fromEntries(kit.samples.map((sample) => [sample.file, sample]));
const trials = shuffled(kit.pairs).map((pair) => ({ sides: shuffled(pair), answer: null }));
let now = 0;
let heard = new Set();

function $(id) {
  return document.getElementById(id);
}

function shuffled(list) {
  const left = [...list];
  return list.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]);
}

const player = new Player(kit.audio, showPlayer);

function showPlayer() {
  if (player.playing) heard.add(player.side);
  [0, 1].forEach((side) => $(`side${side}`).setAttribute("aria-pressed", String(player.side === side)));
  $("play").textContent = player.playing ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", player.playing ? "pause" : "play");
  const ready = heard.size === 2;
  for (const button of document.querySelectorAll(".answers button")) button.disabled = !ready;
  if (!player.playing) $("position").value = String(Math.round((1000 * player.at_s) / player.length_s));
  $("hint").textContent = ready ? "" : "Listen to both, then answer.";
}

function follow() {
  if (player.playing) $("position").value = String(Math.round((1000 * player.position_s) / player.length_s));
  requestAnimationFrame(follow);
}

async function showTrial(number) {
  now = number;
  const trial = trials[now];
  heard = new Set(trial.answer ? [0, 1] : []);
  $("progress").textContent = `${now + 1} of ${trials.length}`;
  $("text").textContent = kit.texts[samples[trial.sides[0]].text];
  $("which").hidden = true;
  $("back").disabled = now === 0;
  for (const button of document.querySelectorAll("[data-answer]")) {
    button.classList.toggle("chosen", button.dataset.answer === trial.answer);
  }
  try {
    await player.load(trial.sides);
  } catch (error) {
    $("hint").textContent = `This browser cannot play it: ${error.message}`;
  }
}

function answer(word) {
  if (heard.size < 2) return;
  trials[now].answer = word;
  player.stop(0);
  if (now + 1 < trials.length) showTrial(now + 1);
  else finish();
}

// --- what was heard ---------------------------------------------------------------------------------------------------

function title(sample) {
  return `NFE ${sample.nfe} (${sample.schedule})`;
}

// {winner, loser, broken: [...]} of an answered trial; winner and loser may be null.
function verdict(trial) {
  const [a, b] = trial.sides.map((file) => samples[file]);
  const broken = { "broken-a": [a], "broken-b": [b], "broken-both": [a, b] }[trial.answer] || [];
  const winner = { a: a, b: b, "broken-a": b, "broken-b": a }[trial.answer] || null;
  return { winner, loser: winner && (winner === a ? b : a), broken };
}

function said(trial) {
  const { winner, broken } = verdict(trial);
  if (broken.length === 2) return "both are broken";
  if (broken.length === 1) return `${title(broken[0])} is broken`;
  return winner ? `${title(winner)} is better` : "no difference";
}

function votes(vetoed) {
  const cast = [];
  for (const trial of trials.filter((each) => each.answer)) {
    const { winner, loser, broken } = verdict(trial);
    if (!winner) continue;
    const note = broken.length ? { note: `NFE ${loser.nfe} was broken` } : {};
    cast.push({ kind: "prefer", nfe: winner.nfe, over: loser.nfe, text: winner.text, kit: kit.kit, ...note });
  }
  for (const [nfe, texts] of vetoed) cast.push({ kind: "veto", nfe, kit: kit.kit, note: `broken in ${[...texts].join(", ")}` });
  return cast;
}

function brokenTexts() {
  const found = new Map();
  for (const trial of trials) {
    for (const sample of verdict(trial).broken) {
      found.set(sample.nfe, (found.get(sample.nfe) || new Set()).add(sample.text));
    }
  }
  return found;
}

function fill(table, head, rows) {
  const line = (cells, tag) => {
    const row = document.createElement("tr");
    for (const cell of cells) {
      const made = document.createElement(tag);
      made.textContent = cell;
      if (typeof cell === "number") made.className = "right";
      row.append(made);
    }
    return row;
  };
  table.replaceChildren(line(head, "th"), ...rows.map((cells) => line(cells, "td")));
}

function finish() {
  player.stop(0);
  const answered = trials.filter((trial) => trial.answer);
  const scores = kit.candidates.map((candidate) => {
    const mine = answered.filter((trial) => trial.sides.some((file) => samples[file].nfe === candidate.nfe));
    const count = (true_of) => mine.filter((trial) => true_of(verdict(trial))).length;
    const is = (sample) => sample && sample.nfe === candidate.nfe;
    return [
      title(candidate),
      count((v) => is(v.winner)),
      count((v) => is(v.loser)),
      mine.filter((trial) => trial.answer === "same").length,
      count((v) => v.broken.some(is)),
      mine.length,
    ];
  });
  scores.sort((x, y) => y[1] - y[2] - (x[1] - x[2]));
  fill($("score"), ["", "better", "worse", "same", "broken", "heard"], scores);
  const text = (trial) => kit.texts[samples[trial.sides[0]].text];
  const rows = answered.map((trial) => [text(trial), ...trial.sides.map((file) => `NFE\u00a0${samples[file].nfe}`), said(trial)]);
  fill($("answers"), ["text", "A was", "B was", "you said"], rows);
  $("summary").textContent = `${answered.length} of ${trials.length} comparisons answered.`;
  offerVetoes();
  offerVotes();
  $("trial").hidden = true;
  $("results").hidden = false;
  window.scrollTo(0, 0);
}

function offerVetoes() {
  const found = brokenTexts();
  $("vetoes").hidden = found.size === 0;
  const labels = [...found].map(([nfe, texts]) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: String(nfe), onchange: offerVotes });
    label.append(box, ` Never choose NFE ${nfe} (broken in ${[...texts].join(", ")})`);
    return label;
  });
  $("vetoed").replaceChildren(...labels);
}

function offerVotes() {
  const ticked = [...document.querySelectorAll("#vetoed input:checked")].map((box) => Number(box.value));
  const cast = votes([...brokenTexts()].filter(([nfe]) => ticked.includes(nfe)));
  const answers = trials.filter((trial) => trial.answer).map((trial) => ({ a: trial.sides[0], b: trial.sides[1], answer: trial.answer }));
  const lines = cast.map((vote) => JSON.stringify(vote)).join(",\n"); // a terminal may cut lines beyond 4096 characters
  $("cast").hidden = cast.length === 0;
  $("command").textContent = `ishowctl vote - <<'END'\n{"votes": [\n${lines}\n]}\nEND\n`;
  const file = JSON.stringify({ kit: kit.kit, votes: cast, answers }, null, 1) + "\n";
  $("download").href = URL.createObjectURL(new Blob([file], { type: "application/json" }));
}

async function copyCommand() {
  try {
    await navigator.clipboard.writeText($("command").textContent);
    $("copy").textContent = "Copied";
  } catch {
    window.getSelection().selectAllChildren($("command")); // where the browser forbids it, it is one key away
    $("copy").textContent = "Selected: copy it";
  }
}

// --- the controls -----------------------------------------------------------------------------------------------------

function start() {
  $("intro").hidden = true;
  $("trial").hidden = false;
  window.addEventListener("beforeunload", (event) => {
    if ($("results").hidden) event.preventDefault();
  });
  follow();
  showTrial(0);
}

function toggle() {
  if (player.playing) player.stop(player.position_s);
  else player.play();
}

const KEYS = {
  a: () => player.listen(0),
  b: () => player.listen(1),
  " ": toggle,
  1: () => answer("a"),
  2: () => answer("b"),
  0: () => answer("same"),
  x: () => $("broken").click(),
};

document.addEventListener("keydown", (event) => {
  const act = KEYS[event.key.toLowerCase()];
  if (!act || $("trial").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === " " && event.target.closest("button, a")) return; // it presses that button
  event.preventDefault();
  if (player.buffers.length) act();
});
$("start").onclick = start;
$("side0").onclick = () => player.listen(0);
$("side1").onclick = () => player.listen(1);
$("play").onclick = toggle;
$("position").oninput = (event) => player.seek((Number(event.target.value) / 1000) * player.length_s);
$("broken").onclick = () => ($("which").hidden = !$("which").hidden);
$("neither").onclick = () => ($("which").hidden = true);
$("back").onclick = () => showTrial(now - 1);
$("finish").onclick = finish;
$("copy").onclick = copyCommand;
for (const button of document.querySelectorAll("[data-answer]")) button.onclick = () => answer(button.dataset.answer);

$("kit-id").textContent = kit.kit;
const minutes = Math.max(1, Math.round((trials.length * 20) / 60));
$("extent").textContent = trials.length
  ? `${trials.length} comparison${trials.length > 1 ? "s" : ""}, about ${minutes} minute${minutes > 1 ? "s" : ""}.`
  : "There is nothing to compare: the candidates are the same to the last bit.";
$("start").disabled = trials.length === 0;
