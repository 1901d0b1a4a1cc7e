/** How a reply is sampled: what may be set, within which limits, and what is sent of it. */

import { keep } from "./storage.js";

/**
 * @typedef {object} Setting
 * @property {string} name      of the option, as the server calls it
 * @property {string} label
 * @property {string} hint
 * @property {number} least
 * @property {number} most
 * @property {number} step
 * @property {string} fallback  what holds where neither the person nor the model says otherwise
 */

/** @type {Setting[]} */
export const SETTINGS = [
  {
    name: "temperature",
    label: "Temperature",
    hint: "0 takes the likeliest token, more is bolder",
    least: 0,
    most: 5,
    step: 0.05,
    fallback: "0",
  },
  { name: "top_k", label: "Top k", hint: "among the k likeliest", least: 0, most: 100_000, step: 1, fallback: "off" },
  { name: "top_p", label: "Top p", hint: "among those that reach this sum", least: 0, most: 1, step: 0.01, fallback: "off" },
  { name: "min_p", label: "Min p", hint: "as likely as this share of the likeliest", least: 0, most: 1, step: 0.01, fallback: "off" },
  {
    name: "repeat_penalty",
    label: "Repeat penalty",
    hint: "above 1, repeats get rarer",
    least: 0.1,
    most: 10,
    step: 0.05,
    fallback: "1",
  },
  { name: "num_predict", label: "Max tokens", hint: "longest reply", least: 1, most: 1_000_000, step: 1, fallback: "256" },
  { name: "seed", label: "Seed", hint: "same seed, same reply", least: 0, most: 2 ** 31 - 1, step: 1, fallback: "by chance" },
];

const KEY = "handspun.settings";

/**
 * What a person has set: text as it was typed, by the name of the setting.
 *
 * @typedef {{system: string, tinted: boolean, typed: Record<string, string>}} Choices
 */

/** @returns {Choices} */
export function noChoices() {
  return { system: "", tinted: false, typed: {} };
}

/**
 * The choices of the last visit, as far as they can be read.
 *
 * @param {Storage} storage
 * @returns {Choices}
 */
export function readChoices(storage) {
  const kept = parsed(storage.getItem(KEY));
  const typed = SETTINGS.map(({ name }) => [name, kept?.typed?.[name]]).filter(([, text]) => typeof text === "string");
  return {
    system: typeof kept?.system === "string" ? kept.system : "",
    tinted: kept?.tinted === true,
    typed: Object.fromEntries(typed),
  };
}

/**
 * @param {Storage} storage
 * @param {Choices} choices
 */
export function keepChoices(storage, choices) {
  keep(storage, KEY, JSON.stringify(choices));
}

/**
 * What is wrong with what was typed, as a sentence; empty where nothing is.
 *
 * @param {Setting} setting
 * @param {string} text
 */
export function complaint({ label, least, most, step }, text) {
  if (!text.trim()) return "";
  const value = Number(text);
  if (!Number.isFinite(value)) return `${label} must be a number.`;
  if (value < least || value > most) return `${label} must lie between ${least} and ${most.toLocaleString("en")}.`;
  return step === 1 && !Number.isInteger(value) ? `${label} must be a whole number.` : "";
}

/**
 * The options to send: what was set and can be, nothing else.
 *
 * @param {Choices} choices
 * @returns {Record<string, number>}
 */
export function options({ typed }) {
  const set = SETTINGS.filter((setting) => typed[setting.name]?.trim() && !complaint(setting, typed[setting.name]));
  return Object.fromEntries(set.map(({ name }) => [name, Number(typed[name])]));
}

/** @param {string | null} text */
function parsed(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
