package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.storage.CheckpointException;
import dev.serval.testkit.models.InstalledFamilies;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Sizes;

/**
 * What tests of refusals share: small models, and that one is refused by name, value and what is
 * allowed.
 */
final class Refusals {
  private Refusals() {}

  static final Sizes SIZES = new Sizes(20, 16, 24, 2, 4, 2, 4);

  static SmallModel model(String architecture, Extras biases) {
    return SmallModel.of(architecture, 1, DType.F32, SIZES, biases);
  }

  static SmallModel llama() {
    return model("LlamaForCausalLM", Extras.NONE);
  }

  static SmallModel qwen2() {
    return model("Qwen2ForCausalLM", Extras.NONE.biases(true, false, false));
  }

  static ModelSpec inspect(SmallModel model) {
    return InstalledFamilies.of(model).inspect(model);
  }

  static void refused(SmallModel model, String... words) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> inspect(model))
        .withMessageContainingAll(words)
        .withMessageContaining("/models/small");
  }
}
