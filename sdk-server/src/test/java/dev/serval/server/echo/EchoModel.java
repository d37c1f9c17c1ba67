package dev.serval.server.echo;

import dev.serval.api.ChatMessage;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.api.model.ChatTemplate;
import dev.serval.api.model.Tokenizer;
import dev.serval.api.storage.ArtefactDigest;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** A model that echoes. */
record EchoModel(String name, int contextLength) implements ServedModel {
  private static final Set<String> ROLES = Set.of("system", "user", "assistant", "tool");
  private static final Tokenizer TOKENIZER = new EchoTokenizer();

  @Override
  public String root() {
    return "/models/" + name;
  }

  @Override
  public String family() {
    return "echo";
  }

  @Override
  public Instant since() {
    return Instant.ofEpochSecond(1_700_000_000);
  }

  @Override
  public ArtefactDigest digest() {
    return ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]);
  }

  @Override
  public Tokenizer tokenizer() {
    return TOKENIZER;
  }

  @Override
  public Optional<ChatTemplate> chatTemplate() {
    return name.startsWith("base") ? Optional.empty() : Optional.of(new Template());
  }

  /** A line for each message, and before them one for what else it is told. */
  private static final class Template implements ChatTemplate {
    @Override
    public Set<String> variables() {
      return Set.of("reasoning_effort", "mood");
    }

    @Override
    public String render(Prompt.Chat conversation, boolean addGenerationPrompt) {
      StringBuilder text = new StringBuilder();
      if (!conversation.variables().isEmpty()) {
        text.append(new TreeMap<>(conversation.variables())).append('\n');
      }
      for (ChatMessage message : conversation.messages()) {
        if (!ROLES.contains(message.role())) {
          throw new InvalidRequestException("messages", "there is no role " + message.role());
        }
        text.append(message.role()).append(": ").append(message.content()).append('\n');
      }
      return text.append(addGenerationPrompt ? "assistant: " : "").toString();
    }
  }
}
