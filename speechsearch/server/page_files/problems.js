// What can be wrong, and what to do about it.

const microphone = (title, advice, action = "Try again") => ({ title, advice, action });

export const PROBLEMS = {
  insecure: {
    title: "The browser keeps the microphone from this page",
    advice:
      "Browsers hand it only to pages opened over https, or from the same machine as http://localhost. " +
      "Typing works here all the same.",
  },
  old: {
    title: "This browser cannot listen",
    advice: "It has no AudioWorklet: use a current Firefox, Chrome, Edge or Safari. Typing works.",
  },
  denied: microphone(
    "The microphone is not allowed",
    "Choose the icon left of the address, allow the microphone for this page, then try again. " +
      "Where it is allowed there, allow it for the browser in the settings of the system.",
  ),
  absent: microphone(
    "There is no microphone",
    "Plug one in or switch the headset on, then try again. Typing works meanwhile.",
  ),
  busy: microphone(
    "The microphone cannot be opened",
    "Another program may hold it: close calls and recorders, then try again.",
  ),
  failed: microphone(
    "The microphone did not start",
    "Try again, or load the page anew.",
  ),
  gone: microphone(
    "The microphone went away",
    "What was said so far is answered. Connect it again, or another: the page goes on by itself.",
  ),
  silent: microphone(
    "The microphone sends nothing but silence",
    "It may be muted: look for a switch on it, for its level in the settings of the system, and " +
      "whether the right one is chosen left of the address.",
  ),
  token: {
    title: "This server asks for a token",
    advice: "It is server.token in the settings of the server, and is kept for this tab only.",
    asksToken: true,
  },
  wrongToken: {
    title: "That token is not the server's",
    advice: "Compare it with server.token in the settings of the server.",
    asksToken: true,
  },
};
