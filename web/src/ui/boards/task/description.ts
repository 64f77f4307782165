/** What is being written, and the text it began from. */
export interface Draft {
  text: string;
  base: string;
}

/** As long as nothing was written the draft is the description, also when somebody changes it. */
export function followed(draft: Draft, description: string): Draft {
  return draft.text === draft.base ? { text: description, base: description } : draft;
}

/** Somebody else wrote another description since this one was begun. */
export function changedMeanwhile({ text, base }: Draft, description: string): boolean {
  return description !== base && description !== text;
}
