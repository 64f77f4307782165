// Addresses of the server, read when the page loads. Empty: where the page came from.
window.HUBBUB = { api: "", socket: "" };
