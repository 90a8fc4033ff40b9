/** The offsets of a partition that the broker has: from `first` up to, but not including, `next`. */
export interface PartitionOffsets {
  readonly partition: number;
  readonly first: number;
  readonly next: number;
}

export interface Message {
  readonly partition: number;
  readonly offset: number;
  /** Absent in a message that only deletes a key. */
  readonly value: Buffer | null;
}

/** A topic, as much of it as a run needs. */
export interface TopicClient {
  offsets(): Promise<readonly PartitionOffsets[]>;
  /** Resolves once messages can come: a broker may make a new reader wait until it has forgotten the one before. */
  ready(): Promise<void>;
  /**
   * Delivers messages from these offsets on, by partition, each partition in the order of its offsets, until `take` returns
   * false or the signal is aborted.
   */
  read(
    from: ReadonlyMap<number, number>,
    take: (message: Message) => boolean,
    signal: AbortSignal,
  ): Promise<void>;
  /** Tells a consumer group how far the run is, for monitoring. */
  commit(next: ReadonlyMap<number, number>): Promise<void>;
  close(): Promise<void>;
}
