/** What is looked at, in this order. */
export const topics = ['API server', 'Kinds', 'Manager', 'Hosts', 'Guests', 'Your rights'] as const;

export interface Finding {
  topic: (typeof topics)[number];
  /** `note`: nothing is wrong, and somebody may want to know. `warning`: something won't work. `wrong`: it is broken. */
  level: 'ok' | 'note' | 'warning' | 'wrong';
  what: string;
  /** What a person does about it. */
  todo?: string | undefined;
}
