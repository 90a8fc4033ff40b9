import type { Socket } from "node:net";
import { type Refusal, RequestError, refusal, refusalOf } from "./refusals.js";

/** What processes of one server ask each other. */
export type Asked = "join" | "take" | "reload" | "metrics" | "events" | "leave" | "stop";

/** Answers a question; some have a text of their own, or a connection. */
export type AnswerTo = (ask: Asked, text?: string, connection?: Socket) => Promise<string>;

interface Question {
  readonly id: number;
  readonly ask: Asked;
  readonly text?: string;
}
interface Reply {
  readonly id: number;
  readonly answer?: string;
  readonly failed?: Refusal;
}
interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

/** Questions and answers between two processes, over their channel of messages, which arrive in the order in which they were sent. */
export class Channel {
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  constructor(
    private readonly send: (message: Question | Reply, connection?: Socket) => void,
    private readonly answer: AnswerTo,
  ) {}

  ask(ask: Asked, text?: string, connection?: Socket): Promise<string> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.send({ id, ask, text }, connection);
    });
  }

  readonly receive = (message: Question | Reply, connection?: Socket): void => {
    if ("ask" in message) void this.reply(message, connection);
    else this.settle(message);
  };

  /** The other process is gone. */
  close(): void {
    const failed = refusal(503, "A process of the server has ended");
    for (const id of this.waiting.keys()) this.settle({ id, failed });
  }

  private async reply({ id, ask, text }: Question, connection?: Socket): Promise<void> {
    const reply = await this.answer(ask, text, connection).then(
      (answer) => ({ id, answer }),
      (error) => ({ id, failed: refusalOf(error) }),
    );
    this.send(reply);
  }

  private settle({ id, answer = "", failed }: Reply): void {
    const asked = this.waiting.get(id);
    this.waiting.delete(id);
    if (failed === undefined) asked?.resolve(answer);
    else asked?.reject(new RequestError(failed.status, failed.error));
  }
}
