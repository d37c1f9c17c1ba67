package dev.serval.server.openai;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.api.model.ChatTemplate;
import java.util.Arrays;
import java.util.List;

/** Prompts as the tokens that a model sees. */
final class PromptTokens {
  private PromptTokens() {}

  /** The tokens of any prompt. */
  static int[] of(Prompt prompt, ServedModel model) {
    return switch (prompt) {
      case Prompt.Chat chat -> ofChat(chat, model, true, false);
      case Prompt.Text text -> model.tokenizer().encode(text.text(), true);
      case Prompt.Tokens tokens -> tokens.ids();
    };
  }

  /** The tokens of a conversation. */
  static int[] ofChat(
      Prompt.Chat chat, ServedModel model, boolean generationPrompt, boolean special) {
    ChatTemplate template =
        model
            .chatTemplate()
            .orElseThrow(() ->
                new InvalidRequestException(
                    "messages",
                    "the model '" + model.name() + "' has no chat template; send a prompt"));
    return model.tokenizer().encode(template.render(chat, generationPrompt), special);
  }

  static List<Integer> boxed(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }
}
