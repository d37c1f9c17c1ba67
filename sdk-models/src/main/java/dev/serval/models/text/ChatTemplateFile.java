package dev.serval.models.text;

import dev.serval.api.model.ChatTemplate;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.models.chat.JinjaChatTemplate;
import dev.serval.models.chat.TemplateFailure;
import java.time.Clock;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * Finds a checkpoint's chat template: {@code chat_template.jinja}, else the field {@code
 * chat_template} of {@code tokenizer_config.json} or of {@code chat_template.json}, which is one
 * template or a list of named ones, of which {@code default} is taken.
 *
 * @param name where it was found
 * @param source the template
 */
record ChatTemplateFile(String name, String source) {
  private static final String FILE = "chat_template.jinja";
  private static final String OF_PROCESSOR = "chat_template.json";
  private static final String FIELD = "chat_template";

  static Optional<ChatTemplate> read(
      Checkpoint checkpoint, Optional<JsonFile> config, SpecialTokens special, Clock clock) {
    return checkpoint
        .text(FILE)
        .map(source -> new ChatTemplateFile(FILE, source))
        .or(() -> config.flatMap(ChatTemplateFile::of))
        .or(() -> JsonFile.optional(checkpoint, OF_PROCESSOR).flatMap(ChatTemplateFile::of))
        .map(file -> file.parse(checkpoint, special, clock));
  }

  private static Optional<ChatTemplateFile> of(JsonFile config) {
    JsonNode value = config.root().path(FIELD);
    String name = FIELD + " in " + config.name();
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    if (value.isString()) {
      return Optional.of(new ChatTemplateFile(name, value.stringValue()));
    }
    for (JsonNode entry : value) {
      if (entry.path("name").stringValue("").equals("default")
          && entry.path("template").isString()) {
        return Optional.of(new ChatTemplateFile(name, entry.path("template").stringValue()));
      }
    }
    throw config.wrong(FIELD, "a text, or a list in which one is named default", value);
  }

  private ChatTemplate parse(Checkpoint checkpoint, SpecialTokens special, Clock clock) {
    try {
      return JinjaChatTemplate.read(source, special.texts(), clock);
    } catch (TemplateFailure e) {
      throw new CheckpointException(
          "the %s of %s cannot be used: %s".formatted(name, checkpoint.root(), e.getMessage()), e);
    }
  }
}
