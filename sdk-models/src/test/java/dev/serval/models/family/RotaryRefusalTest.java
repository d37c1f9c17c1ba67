package dev.serval.models.family;

import static dev.serval.models.family.Refusals.inspect;
import static dev.serval.models.family.Refusals.llama;
import static dev.serval.models.family.Refusals.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.testkit.models.SmallModel;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is said of positions must be known, whole and free of contradictions. */
final class RotaryRefusalTest {
  @Test
  void rotary_scaling_of_other_types_is_refused() {
    for (String type : List.of("dynamic", "su", "mrope", "")) {
      refused(
          llama().with("rope_scaling", Map.of("rope_type", type, "factor", 2.0)),
          "'rope_scaling.rope_type'",
          "\"" + type + "\"",
          "default, divisors, linear, llama3, longrope, proportional, yarn");
    }
    refused(
        llama().with("rope_parameters", Map.of("type", "ntk")), "'rope_parameters.type'", "ntk");
  }

  @Test
  void rotary_scaling_that_is_incomplete_or_contradicts_itself_is_refused() {
    refused(
        llama().with("rope_scaling", Map.of("factor", 2.0)), "'rope_scaling.rope_type'", "factor");
    refused(scaled(Map.of("type", "linear")), "'rope_scaling.factor'", "missing");
    refused(scaled(Map.of("type", "linear", "factor", 0.5)), "'rope_scaling.factor'", "0.5");
    refused(
        scaled(Map.of("type", "linear", "rope_type", "llama3", "factor", 2.0)),
        "'rope_scaling.type'",
        "linear",
        "llama3");
    refused(
        scaled(Map.of("type", "linear", "factor", 2.0, "beta_fast", 32L)),
        "'rope_scaling.beta_fast'",
        "32");
    refused(
        scaled(
            Map.of(
                "rope_type", "llama3",
                "factor", 8.0,
                "low_freq_factor", 4.0,
                "high_freq_factor", 3.5,
                "original_max_position_embeddings", 64L)),
        "'rope_scaling.high_freq_factor'",
        "low_freq_factor");
    refused(scaled(Map.of("type", "yarn")), "'rope_scaling.factor'", "missing");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "beta_fast", 1L)),
        "'rope_scaling.beta_fast'",
        "beta_slow");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "mscale", 2.0)),
        "'rope_scaling.mscale'",
        "2.0",
        "mscale_all_dim");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "mscale_all_dim", 1.0)),
        "'rope_scaling.mscale_all_dim'",
        "both mscale");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "llama_4_scaling_beta", 0.1)),
        "'rope_scaling.original_max_position_embeddings'",
        "missing");
    refused(
        scaled(Map.of("type", "yarn", "factor", 2.0, "llama_4_scaling_beta", -0.1)),
        "'rope_scaling.llama_4_scaling_beta'",
        "-0.1");
    refused(
        scaled(Map.of("type", "longrope", "short_factor", List.of(1.0))),
        "'rope_scaling.long_factor'",
        "missing");
    refused(
        scaled(Map.of("type", "longrope", "long_factor", List.of(1.0), "short_factor", List.of())),
        "'original_max_position_embeddings'",
        "missing");
    refused(
        scaled(Map.of("type", "divisors", "divisors", List.of(1.0, 0L))),
        "'rope_scaling.divisors'",
        "above 0");
    refused(
        llama()
            .with("rope_theta", 500.0)
            .with("rope_parameters", Map.of("rope_type", "default", "rope_theta", 10_000.0)),
        "'rope_theta'",
        "500.0",
        "10000.0");
    refused(
        scaled(Map.of("type", "linear", "factor", 2.0))
            .with("rope_parameters", Map.of("rope_type", "linear", "factor", 4.0)),
        "'rope_scaling'",
        "rope_parameters");
  }

  private static SmallModel scaled(Map<String, Object> scaling) {
    return llama().with("rope_scaling", scaling);
  }

  @Test
  void yarn_makes_the_context_as_long_as_it_says_unless_the_model_does() {
    Map<String, Object> scaling =
        Map.of("type", "yarn", "factor", 4.0, "original_max_position_embeddings", 300L);
    SmallModel model = llama().with("rope_scaling", scaling);
    assertThat(inspect(model).contextLength()).isEqualTo(1200);
    model.with("max_position_embeddings", 1300L);
    assertThat(inspect(model).contextLength()).isEqualTo(1300);
  }
}
