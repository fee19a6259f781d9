"use strict";
// Two samples that play at once, one of them heard: a switch keeps the position.

class Player {
  // `audio`: whole WAV files in base64 by name. `changed` is called when it starts, stops or is switched.
  constructor(audio, changed) {
    this.audio = audio;
    this.changed = changed;
    this.side = 0;
    this.sources = [];
    this.buffers = [];
    this.at_s = 0;
    this.decoded = {};
  }

  get playing() {
    return this.sources.length > 0;
  }

  get length_s() {
    return Math.max(0.001, ...this.buffers.map((buffer) => buffer.duration));
  }

  get position_s() {
    return this.playing ? Math.min(this.context.currentTime - this.begun_s, this.length_s) : this.at_s;
  }

  async load(names) {
    this.context = this.context || new AudioContext();
    await this.context.resume();
    this.stop(0);
    this.side = 0;
    this.buffers = await Promise.all(names.map((name) => this.decode(name)));
    this.changed();
  }

  decode(name) {
    if (!(name in this.decoded)) {
      const bytes = Uint8Array.from(atob(this.audio[name]), (character) => character.charCodeAt(0));
      this.decoded[name] = this.context.decodeAudioData(bytes.buffer);
    }
    return this.decoded[name];
  }

  play() {
    const from_s = this.at_s >= this.length_s - 0.05 ? 0 : this.at_s;
    this.gains = [];
    this.sources = this.buffers.map((buffer, side) => {
      const source = new AudioBufferSourceNode(this.context, { buffer });
      const gain = new GainNode(this.context, { gain: side === this.side ? 1 : 0 });
      source.connect(gain).connect(this.context.destination);
      this.gains.push(gain);
      source.start(0, Math.min(from_s, buffer.duration));
      return source;
    });
    const longest = this.sources[this.buffers[0].duration >= this.buffers[1].duration ? 0 : 1];
    longest.onended = () => this.stop(0);
    this.begun_s = this.context.currentTime - from_s;
    this.changed();
  }

  stop(at_s) {
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.sources = [];
    this.at_s = at_s;
    this.changed();
  }

  seek(at_s) {
    const playing = this.playing;
    this.stop(at_s);
    if (playing) this.play();
  }

  listen(side) {
    this.side = side;
    if (this.playing) {
      this.gains.forEach((gain, i) => gain.gain.setTargetAtTime(i === side ? 1 : 0, this.context.currentTime, 0.005));
      this.changed();
    } else {
      this.play();
    }
  }
}
