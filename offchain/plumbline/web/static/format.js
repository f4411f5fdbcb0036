// SPDX-License-Identifier: AGPL-3.0-only
// Numbers and times as people read them. Everything here only shows: exact text comes from the server.

export const NONE = "–";

export function price(text) {
  if (text === null || text === undefined) return NONE;
  const number = Number(text);
  return fixed(number, Math.abs(number) >= 100 ? 2 : 5);
}

export function fixed(number, digits) {
  return number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function amount(text, digits = 4) {
  return text === null || text === undefined ? NONE : Number(text).toLocaleString("en-US", { maximumFractionDigits: digits });
}

export function bps(number, digits = 1) {
  if (number === null || number === undefined) return NONE;
  return `${signed(number, digits)} bps`;
}

export function signed(number, digits = 1) {
  return `${number > 0 ? "+" : ""}${fixed(number, digits)}`;
}

export function utc(seconds) {
  return seconds ? `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC` : NONE;
}

export function day(seconds) {
  return utc(seconds).slice(0, 10);
}

export function clock(seconds) {
  return seconds ? new Date(seconds * 1000).toISOString().slice(11, 19) : NONE;
}

export function age(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export function short(address) {
  return address ? `${address.slice(0, 6)}…${address.slice(-4)}` : NONE;
}
