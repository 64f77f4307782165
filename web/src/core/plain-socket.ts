/** In the place of what the socket's libraries have for WebTransport and binary packets: see vite.config.ts. */
export const WT = undefined;
export const isBinary = () => false;
export const hasBinary = () => false;

function refuse(): never {
  throw new Error("Packets are text.");
}

export { refuse as deconstructPacket, refuse as reconstructPacket };
