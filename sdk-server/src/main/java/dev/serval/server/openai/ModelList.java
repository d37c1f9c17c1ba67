package dev.serval.server.openai;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.UnknownModelException;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The models served, as {@code GET /v1/models} lists them. */
public record ModelList(String object, List<ModelCard> data) {
  /** The list of what a runtime serves, those that generate before those that embed. */
  public static ModelList of(ServingRuntime runtime) {
    return new ModelList("list", cards(runtime).toList());
  }

  private static Stream<ModelCard> cards(ServingRuntime runtime) {
    return Stream.concat(
        runtime.models().stream().map(ModelCard::of),
        runtime.embeddingModels().stream().map(ModelCard::of));
  }

  /** The card of the model of a name. */
  public static ModelCard card(String name, ServingRuntime runtime) {
    return cards(runtime)
        .filter(card -> card.id().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new UnknownModelException(name, cards(runtime).map(ModelCard::id).toList()));
  }

  /**
   * One model.
   *
   * @param id its served name
   * @param created since when it is served, in seconds since the epoch
   * @param root where it was loaded from
   * @param parent always null: no model is derived from another
   * @param maxModelLen how many tokens prompt and completion may have together, or a text
   */
  public record ModelCard(
      String id,
      String object,
      long created,
      String ownedBy,
      String root,
      @JsonInclude(Include.ALWAYS) @Nullable String parent,
      int maxModelLen) {
    /** The card of a model. */
    public static ModelCard of(ServedModel model) {
      return of(model.name(), model.since(), model.root(), model.contextLength());
    }

    /** The card of an embedding model. */
    public static ModelCard of(ServedEmbeddingModel model) {
      return of(model.name(), model.since(), model.root(), model.maxTokens());
    }

    private static ModelCard of(String name, Instant since, String root, int tokens) {
      return new ModelCard(name, "model", since.getEpochSecond(), "serval", root, null, tokens);
    }
  }
}
