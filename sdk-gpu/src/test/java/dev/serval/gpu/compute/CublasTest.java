package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.ServalException;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.DType;
import dev.serval.api.model.StepLimits;
import dev.serval.gpu.blas.BlasException;
import dev.serval.gpu.blas.BlasSearch;
import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.models.SteppedModel;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Products by cuBLASLt, where a host switches them on, and what comes of it where it is not there.
 */
final class CublasTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=256m", "capability=8.0");

  private static final SteppedModel.Setup SETUP =
      new SteppedModel.Setup(DType.BF16, 16, 32, new StepLimits(64, 4));
  private static final int[] PROMPT = IntStream.range(0, 40).map(i -> 3 + i % 17).toArray();
  private static final int LEAST = 32;
  private static final int EXECUTION_FAILED = 13;
  private static final int NOT_INITIALIZED = 1;
  private static final int NOT_SUPPORTED = 15;

  @BeforeEach
  void there_is_one() {
    assumeThat(TestedGpu.isReal() && BlasSearch.system() instanceof BlasSearch.Absent)
        .as("this machine has a GPU and no cuBLASLt")
        .isFalse();
  }

  private static void assumeStandIn() {
    assumeThat(TestedGpu.isReal()).as("cuBLASLt itself does not fail on demand").isFalse();
  }

  @AfterEach
  void nothing_is_left() {
    if (!TestedGpu.isReal()) {
      GPU.standIn().heal();
      assertThat(GPU.standIn().executed("cublasLt")).as("open handles").isZero();
      assertThat(GPU.standIn().leaks()).isEmpty();
    }
  }

  private static GpuModel model(ComputeBackendProvider provider) {
    return new GpuModel(new RandomLlama(), provider, GPU.device(), SETUP);
  }

  private static float[] ours(int chunk) {
    try (GpuModel model = model(GPU.provider())) {
      return model.logits(PROMPT, chunk);
    }
  }

  /** How many it made; of cuBLASLt itself nobody knows. */
  private static long products() {
    return TestedGpu.isReal() ? 0 : GPU.standIn().calls("cublasLtMatmul");
  }

  @Test
  void steps_of_many_tokens_are_multiplied_by_it_and_small_ones_are_not() {
    float[] expected = ours(PROMPT.length);
    try (GpuModel model = model(GPU.withCublas(LEAST))) {
      assertThat(model.backend().description())
          .contains("kernels for ", ", cuBLASLt 1", "for steps of 32 tokens and more");
      long before = products();
      assertThat(model.logits(PROMPT, 8)).containsExactly(ours(8));
      assertThat(products()).isEqualTo(before);
      assertThat(model.logits(PROMPT, PROMPT.length))
          .usingComparatorWithPrecision(0.02f)
          .containsExactly(expected);
      assertThat(products()).isGreaterThanOrEqualTo(before + (TestedGpu.isReal() ? 0 : 1));
    }
  }

  @Test
  void its_numbers_have_an_id_of_their_own() {
    try (GpuModel ours = model(GPU.provider());
        GpuModel others = model(GPU.withCublas(LEAST))) {
      assertThat(others.backend().numerics().value())
          .startsWith(ours.backend().numerics().value() + "+cublaslt-")
          .matches(".*-\\d+\\.\\d+\\.\\d+");
    }
  }

  @Test
  void where_it_is_not_there_the_screen_says_so_and_the_projects_own_kernels_compute() {
    Path nowhere = Path.of("/nowhere/libcublasLt.so.13");
    assertOurs(
        GPU.withCublas(() -> BlasSearch.at(nowhere), LEAST),
        "without cuBLASLt: there is no library at " + nowhere);
  }

  @Test
  void a_library_of_something_else_is_said_to_be_none() {
    Path other = Path.of(System.getProperty("java.home"), "lib", "libzip.so");
    assertOurs(
        GPU.withCublas(() -> BlasSearch.at(other), LEAST),
        "without cuBLASLt: " + other + " lacks cublasLtCreate");
  }

  @Test
  void one_that_does_not_open_is_as_good_as_none() {
    assumeStandIn();
    GPU.standIn().failNext("cublasLtCreate", NOT_INITIALIZED);
    assertOurs(
        GPU.withCublas(LEAST), "without cuBLASLt: cublasLtCreate failed with cublasStatus_t 1");
  }

  private static void assertOurs(ComputeBackendProvider provider, String said) {
    long before = products();
    try (GpuModel model = model(provider);
        GpuModel plain = model(GPU.provider())) {
      assertThat(model.backend().description()).contains(said);
      assertThat(model.backend().numerics()).isEqualTo(plain.backend().numerics());
      assertThat(model.logits(PROMPT, PROMPT.length)).containsExactly(ours(PROMPT.length));
    }
    assertThat(products()).isEqualTo(before);
  }

  @Test
  void what_it_knows_no_way_to_multiply_is_left_to_the_projects_own_kernels() {
    assumeStandIn();
    GPU.standIn().fail("cublasLtMatmulAlgoGetHeuristic", 0, -1, NOT_SUPPORTED);
    try (GpuModel model = model(GPU.withCublas(LEAST))) {
      assertThat(model.logits(PROMPT, PROMPT.length)).containsExactly(ours(PROMPT.length));
    }
  }

  @Test
  void a_product_that_fails_fails_its_step_in_a_sentence_and_the_next_one_goes_well() {
    assumeStandIn();
    try (GpuModel model = model(GPU.withCublas(LEAST))) {
      float[] expected = model.logits(PROMPT, PROMPT.length);
      GPU.standIn().failNext("cublasLtMatmul", EXECUTION_FAILED);
      assertThatThrownBy(() -> model.logits(PROMPT, PROMPT.length))
          .isInstanceOf(BlasException.class)
          .hasMessage("cublasLtMatmul failed with cublasStatus_t 13");
      assertThat(model.logits(PROMPT, PROMPT.length)).containsExactly(expected);
    }
  }

  @Test
  void memory_that_is_missing_for_it_is_no_error_and_any_other_is_a_sentence() {
    assumeStandIn();
    long loading = allocationsOf(() -> model(GPU.withCublas(LEAST)).close());
    long all = allocationsOf(this::computed);
    int served = 0;
    for (long refused = loading; refused < all; refused++) {
      GPU.standIn().fail("cuMemAllocFromPoolAsync", refused, 1, StandIn.OUT_OF_MEMORY);
      try {
        computed();
        served++;
      } catch (ServalException e) {
        assertThat(e).hasMessageContaining("emory");
      } finally {
        GPU.standIn().heal();
      }
      assertThat(GPU.standIn().leaks()).isEmpty();
    }
    assertThat(served).isPositive().isLessThan((int) (all - loading));
  }

  private void computed() {
    try (GpuModel model = model(GPU.withCublas(LEAST))) {
      assertThat(model.logits(PROMPT, PROMPT.length)).hasSize(RandomLlama.VOCABULARY);
    }
  }

  private static long allocationsOf(Runnable work) {
    long before = GPU.standIn().calls("cuMemAllocFromPoolAsync");
    work.run();
    return GPU.standIn().calls("cuMemAllocFromPoolAsync") - before;
  }
}
