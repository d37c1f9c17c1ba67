package dev.serval.api;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** What a generation continues: a conversation, a text, or token ids. */
public sealed interface Prompt {
  /**
   * A conversation, rendered by the model's chat template up to where the assistant speaks.
   *
   * @param messages the history, oldest first; not empty
   * @param variables what else the template is told, by names of its own, such as {@code
   *     enable_thinking}: each a {@code Boolean}, {@code Long}, {@code Double} or {@code String}
   */
  record Chat(List<ChatMessage> messages, Map<String, Object> variables) implements Prompt {
    /** Refuses an empty conversation, and variables of other types. */
    public Chat {
      messages = List.copyOf(messages);
      variables = Map.copyOf(variables);
      if (messages.isEmpty()) {
        throw new InvalidRequestException("messages", "a conversation needs at least one message");
      }
      variables.forEach(Chat::requireScalar);
    }

    private static void requireScalar(String name, Object value) {
      boolean scalar =
          value instanceof Boolean
              || value instanceof Long
              || value instanceof Double
              || value instanceof String;
      if (!scalar) {
        throw new InvalidRequestException(
            "chat_template_kwargs",
            "'%s' is a %s; a template's variable is a Boolean, Long, Double or String"
                .formatted(name, value.getClass().getSimpleName()));
      }
    }
  }

  /**
   * A text, encoded as it stands with the special tokens that the tokenizer puts around a text.
   *
   * @param text the text
   */
  record Text(String text) implements Prompt {
    /** Refuses null. */
    public Text {
      Objects.requireNonNull(text, "text");
    }
  }

  /** Token ids, taken as they are. */
  final class Tokens implements Prompt {
    private final int[] ids;

    private Tokens(int[] ids) {
      this.ids = ids;
    }

    /**
     * The token ids.
     *
     * @return a copy
     */
    public int[] ids() {
      return ids.clone();
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Tokens that && Arrays.equals(ids, that.ids);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(ids);
    }

    @Override
    public String toString() {
      return "Tokens" + Arrays.toString(ids);
    }
  }

  /**
   * A conversation.
   *
   * @param messages the history, oldest first
   * @return the prompt
   * @throws InvalidRequestException when there is no message
   */
  static Prompt chat(ChatMessage... messages) {
    return chat(List.of(messages));
  }

  /**
   * A conversation that is kept as a list.
   *
   * @param messages the history, oldest first; copied
   * @return the prompt
   * @throws InvalidRequestException when there is no message
   */
  static Prompt chat(List<ChatMessage> messages) {
    return new Chat(messages, Map.of());
  }

  /**
   * A conversation with more for the model's template.
   *
   * @param messages the history, oldest first; copied
   * @param variables what else the template is told, by names of its own; copied
   * @return the prompt
   * @throws InvalidRequestException when there is no message, or a variable of another type
   */
  static Prompt chat(List<ChatMessage> messages, Map<String, Object> variables) {
    return new Chat(messages, variables);
  }

  /**
   * A text.
   *
   * @param text the text
   * @return the prompt
   */
  static Prompt text(String text) {
    return new Text(text);
  }

  /**
   * Token ids.
   *
   * @param ids the ids, copied
   * @return the prompt
   */
  static Prompt tokens(int... ids) {
    return new Tokens(ids.clone());
  }
}
