package dev.serval.storage.gguf.architecture;

import dev.serval.storage.gguf.format.Metadata;
import java.util.Map;

/**
 * Translates a model's metadata into the fields of {@code config.json} (keys and defaults as <a
 * href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a> lays them down).
 * What changes the model's results and has no such field is refused.
 */
public final class ModelConfiguration {
  private final Architecture architecture;
  private final StoredModel model;
  private final Fields fields = new Fields();

  private ModelConfiguration(Architecture architecture, StoredModel model) {
    this.architecture = architecture;
    this.model = model;
  }

  /** The fields, unmodifiable. */
  public static Map<String, Object> translate(
      Metadata metadata, Architecture architecture, WeightFacts weights) {
    ModelMetadata said = new ModelMetadata(metadata, architecture.key());
    Refusals.check(said, architecture);
    return new ModelConfiguration(architecture, new StoredModel(said, weights)).translated();
  }

  /** Later steps may put what earlier ones have put already. */
  private Map<String, Object> translated() {
    sizes();
    weights();
    new RotaryConfiguration(model, architecture.positions()).translate(fields);
    architecture.window().translate(model, fields);
    architecture.experts().translate(model, fields);
    architecture.own().translate(model, fields);
    return fields.asMap();
  }

  private void sizes() {
    long heads = model.heads();
    fields.called(architecture.model(), architecture.modelType());
    fields.put("hidden_act", architecture.activation());
    fields.put("hidden_size", model.hidden());
    fields.put("intermediate_size", architecture.width().applyAsLong(model));
    fields.put("num_hidden_layers", model.layers());
    fields.put("num_attention_heads", heads);
    fields.put("num_key_value_heads", architecture.keyHeads().applyAsLong(model));
    if (architecture.positions() != Positions.LATENT) {
      fields.put("head_dim", model.headDim());
    }
    fields.put("max_position_embeddings", model.metadata().requireNatural("context_length"));
    fields.put(
        architecture.epsilonField(), model.metadata().requireReal(architecture.epsilonKey()));
  }

  private void weights() {
    WeightFacts weights = model.weights();
    fields.put("vocab_size", weights.vocabulary());
    fields.put("tie_word_embeddings", weights.tied());
    if (architecture.saysBiases()) {
      putIfTrue("attention_bias", weights.attentionBias());
      putIfTrue("mlp_bias", weights.mlpBias());
    }
  }

  private void putIfTrue(String field, boolean value) {
    if (value) {
      fields.put(field, true);
    }
  }
}
