package dev.serval.api.model;

import dev.serval.api.ChatMessage;
import java.util.List;

/** Renders a conversation into the text a model was trained on. Usable from any thread. */
@FunctionalInterface
public interface ChatTemplate {
  /**
   * Renders a conversation.
   *
   * @param messages the history, oldest first
   * @param addGenerationPrompt whether to end where the assistant speaks next
   * @return the text, with special tokens spelt out
   * @throws dev.serval.api.InvalidRequestException when the template refuses the conversation, with
   *     the template's own words
   */
  String render(List<ChatMessage> messages, boolean addGenerationPrompt);
}
