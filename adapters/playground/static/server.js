// Talking to the playground's own server: orders by POST, the live stream by a fetch that stays open.

import { t } from "./words.js";

const PAUSES = [250, 500, 1000, 2000, 4000];

export class Server {
  constructor(token) {
    this.headers = { "x-doorward-demo": token };
    this.listening = null;
  }

  /** Sends an order; throws an Error whose message can be shown. */
  async order(path, body) {
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        headers: { ...this.headers, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    } catch {
      throw new Error(t("Doorward does not answer. Is the demo still running?"));
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.error ?? t("That did not work."));
    return answer;
  }

  /** Listens for one person until told to listen for another; connects again by itself. */
  listen(person, heard, lost) {
    this.listening?.abort();
    const ended = new AbortController();
    this.listening = ended;
    this.#keepListening(person, heard, lost, ended.signal);
  }

  async #keepListening(person, heard, lost, signal) {
    let tries = 0;
    while (!signal.aborted) {
      try {
        await this.#listenOnce(person, (kind, data) => { tries = 0; heard(kind, data); }, signal);
      } catch (problem) {
        if (problem instanceof Refused) { location.reload(); return; }
      }
      if (signal.aborted) return;
      if (tries > 1) lost();
      await new Promise((resume) => setTimeout(resume, PAUSES[Math.min(tries++, PAUSES.length - 1)]));
    }
  }

  async #listenOnce(person, heard, signal) {
    const response = await fetch(`/play/stream?person=${encodeURIComponent(person)}`, { headers: this.headers, signal });
    if (response.status === 401) throw new Refused();
    if (!response.ok) throw new Error("no stream");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done || signal.aborted) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      events.forEach((event) => tell(event, heard));
    }
  }
}

/** The page belongs to an earlier start of the demo. */
class Refused extends Error {}

function tell(event, heard) {
  const lines = event.split("\n");
  const kind = lines.find((line) => line.startsWith("event: "));
  const data = lines.find((line) => line.startsWith("data: "));
  if (kind && data) heard(kind.slice(7), JSON.parse(data.slice(6)));
}
