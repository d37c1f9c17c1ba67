package dev.serval.server.openai;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import dev.serval.api.ServedModel;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The models served, as {@code GET /v1/models} lists them. */
public record ModelList(String object, List<ModelCard> data) {
  /** The list of some models. */
  public static ModelList of(List<ServedModel> models) {
    return new ModelList("list", models.stream().map(ModelCard::of).toList());
  }

  /**
   * One model.
   *
   * @param id its served name
   * @param created since when it is served, in seconds since the epoch
   * @param root where it was loaded from
   * @param parent always null: no model is derived from another
   * @param maxModelLen how many tokens prompt and completion may have together
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
      return new ModelCard(
          model.name(),
          "model",
          model.since().getEpochSecond(),
          "serval",
          model.root(),
          null,
          model.contextLength());
    }
  }
}
