/** A text is not a topic name, topic filter or share name (4.7, 4.8.2). `message` says why. */
export class TopicSyntaxError extends SyntaxError {
  override readonly name = "TopicSyntaxError";
}
