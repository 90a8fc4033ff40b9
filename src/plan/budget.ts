/**
 * The work that a search may do. It is counted, in ranks and items that are looked at, so that a plan depends neither on the speed
 * of a machine nor on its load.
 */
export class Budget {
  constructor(private left: number) {}

  spend(work: number): void {
    this.left -= work;
  }

  get isSpent(): boolean {
    return this.left <= 0;
  }
}
