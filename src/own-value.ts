/** The value of a name that comes from outside: `constructor` and `toString` are names like others, and every object inherits them. */
export const ownValue = <T>(values: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined;
