package dev.serval.api;

import java.util.Objects;

/**
 * One message of a conversation.
 *
 * @param role who speaks, in the words of the model's chat template: usually {@code system}, {@code
 *     user} or {@code assistant}
 * @param content what is said
 */
public record ChatMessage(String role, String content) {
  /** Refuses a message without a role or a content. */
  public ChatMessage {
    Objects.requireNonNull(content, "content");
    if (role.isBlank()) {
      throw new InvalidRequestException("messages", "a message needs a role, such as user");
    }
  }

  /**
   * What the application tells the model about its task.
   *
   * @param content the text
   * @return the message
   */
  public static ChatMessage system(String content) {
    return new ChatMessage("system", content);
  }

  /**
   * What the user says.
   *
   * @param content the text
   * @return the message
   */
  public static ChatMessage user(String content) {
    return new ChatMessage("user", content);
  }

  /**
   * What the model said.
   *
   * @param content the text
   * @return the message
   */
  public static ChatMessage assistant(String content) {
    return new ChatMessage("assistant", content);
  }
}
