// A browser lets no page of a folder start a worker, and search is one; without a server it runs in a hidden frame instead.
// MkDocs Material would fetch such a script from the network when the page is read.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame;
      this.inside = frame.contentWindow;
      const begin = () => {
        window.postMessage = (data) => parent.postMessage(data, "*");
        window.importScripts = (...sources) =>
          sources.reduce(
            (before, source) =>
              before.then(
                () =>
                  new Promise((done, failed) => {
                    const script = document.createElement("script");
                    script.src = source;
                    script.onload = done;
                    script.onerror = failed;
                    document.body.append(script);
                  }),
              ),
            Promise.resolve(),
          );
      };
      const end = "</" + "script>";
      this.inside.document.open();
      this.inside.document.write(`<body><script>(${begin})()${end}<script src="${url}">${end}</body>`);
      this.inside.document.close();
      this.ready = new Promise((done) => this.inside.addEventListener("load", done));
      this.heard = (event) => {
        if (event.source === this.inside) this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      };
      window.addEventListener("message", this.heard);
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      window.removeEventListener("message", this.heard);
      this.frame.remove();
    }
  };
  window.IFrameWorker = window.Worker; // by this name Material's worker knows that it is in a frame
}
