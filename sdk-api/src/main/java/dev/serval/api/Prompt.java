package dev.serval.api;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** What a generation continues: a conversation, a text, or token ids. */
public sealed interface Prompt {
  /**
   * A conversation, rendered by the model's chat template up to where the assistant speaks.
   *
   * @param messages the history, oldest first; not empty
   */
  record Chat(List<ChatMessage> messages) implements Prompt {
    /** Refuses an empty conversation. */
    public Chat {
      messages = List.copyOf(messages);
      if (messages.isEmpty()) {
        throw new InvalidRequestException("messages", "a conversation needs at least one message");
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
    return new Chat(messages);
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
