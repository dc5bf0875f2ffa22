/** Ways through a parsed XML. */
import { XmlElement } from "@rgrove/parse-xml";

export const elements = (parent: XmlElement | undefined): XmlElement[] =>
  parent?.children.filter((each) => each instanceof XmlElement) ?? [];

export const children = (parent: XmlElement | undefined, name: string): XmlElement[] =>
  elements(parent).filter((each) => each.name === name);

export const child = (parent: XmlElement | undefined, name: string): XmlElement | undefined =>
  elements(parent).find((each) => each.name === name);

/** An element's namespace and its name in it: `<nova:flavor>` is `flavor` of whatever `xmlns:nova` is there. */
export function qualified(element: XmlElement): { readonly namespace: string; readonly name: string } {
  const [first, second] = element.name.split(":", 2) as [string, string | undefined];
  const key = second === undefined ? "xmlns" : `xmlns:${first}`;
  let at: XmlElement["parent"] = element;
  while (at instanceof XmlElement && at.attributes[key] === undefined) at = at.parent;
  return { namespace: at instanceof XmlElement ? (at.attributes[key] ?? "") : "", name: second ?? first };
}
