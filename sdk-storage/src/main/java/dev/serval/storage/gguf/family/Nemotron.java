package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.RoutedExperts;
import dev.serval.storage.gguf.architecture.SomeLayers;
import dev.serval.storage.gguf.architecture.StateSizes;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;

/** Nemotron, and Nemotron-H, whose layers are of several kinds. */
final class Nemotron {
  static final List<Architecture> ALL =
      Description.all(
          Description.of("nemotron", "NemotronForCausalLM", "nemotron")
              .centred("norm_eps")
              .activation("relu2")
              .own((model, fields) -> fields.put("norm_gains_less_one", false)),
          ofSeveralKinds("nemotron_h")
              .names(OwnNames.MAMBA)
              .own((model, fields) -> layers(model, "mlp", fields)),
          ofSeveralKinds("nemotron_h_moe")
              .names(OwnNames.MAMBA)
              .names(OwnNames.SHARED_EXPERTS)
              .experts(OwnNames.EXPERTS, Nemotron::experts)
              .translates(RoutedExperts.KEYS)
              .own((model, fields) -> layers(model, "moe", fields)));

  private Nemotron() {}

  /** Files say what norms from the mean add, too, of which there are none. */
  private static Description ofSeveralKinds(String key) {
    return Description.of(key, "NemotronHForCausalLM", "nemotron_h")
        .activation("relu2")
        .translates(Keys.NORM_EPSILON)
        .attendsInSomeLayers()
        .width(model -> model.feedForwardLayers().count());
  }

  /** However many those are that all rows go to, they are as wide together as is said. */
  private static void experts(StoredModel model, Fields fields) {
    model.experts().requireSigmoid();
    RoutedExperts.alone(model, fields);
    fields.put("moe_shared_expert_intermediate_size", model.experts().sharedWidth());
  }

  /** Each layer attends, has a state or is a feed-forward layer, all of which are of a kind. */
  private static void layers(StoredModel model, String kind, Fields fields) {
    SomeLayers attention = model.attentionLayers();
    SomeLayers feedForward = model.feedForwardLayers();
    List<String> types = attention.types("attention", feedForward, kind, "mamba");
    if (!types.equals(feedForward.types(kind, attention, "attention", "mamba"))) {
      throw model
          .metadata()
          .problem(Keys.WIDTH, "is above 0 for a layer that attends; a layer can be one of both");
    }
    fields.put("layers_block_type", types);
    StateSizes.mamba(model, fields);
  }
}
