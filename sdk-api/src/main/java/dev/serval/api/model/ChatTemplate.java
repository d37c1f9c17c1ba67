package dev.serval.api.model;

import dev.serval.api.ChatMessage;
import dev.serval.api.Prompt;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Renders a conversation into the text a model was trained on. Usable from any thread. */
@FunctionalInterface
public interface ChatTemplate {
  /**
   * Renders a conversation.
   *
   * @param conversation the history, oldest first, and what else the template is told
   * @param addGenerationPrompt whether to end where the assistant speaks next
   * @return the text, with special tokens spelt out
   * @throws dev.serval.api.InvalidRequestException when the template refuses the conversation, with
   *     the template's own words, or has no such variable
   */
  String render(Prompt.Chat conversation, boolean addGenerationPrompt);

  /**
   * Renders a conversation, of which the template is told nothing else.
   *
   * @param messages the history, oldest first
   * @param addGenerationPrompt whether to end where the assistant speaks next
   * @return the text, with special tokens spelt out
   * @throws dev.serval.api.InvalidRequestException when the template refuses the conversation, with
   *     the template's own words
   */
  default String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return render(new Prompt.Chat(messages, Map.of()), addGenerationPrompt);
  }

  /**
   * What else it can be told.
   *
   * @return the names of its variables
   */
  default Set<String> variables() {
    return Set.of();
  }
}
