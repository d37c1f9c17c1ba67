package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.FeedForwardRoom;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Experts of every type, of several types, and of more rows than go through them at once. Dense
 * layers are multiplied by the instructions that experts are, so that bits can be compared.
 */
final class CudaExpertsTest extends CudaCase {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final int WIDTH = 64;
  private static final int INNER = 128;
  private static final int ROWS = 11;

  @Override
  ComputeBackend open(NativeMemory host) {
    return GPU.provider().portable().open(GPU.device(), ComputeOptions.of(1), host);
  }

  private StoredTensor tensor(DType dtype, int rows, int columns) {
    return RandomTensors.matrix(dtype, rows, columns, random);
  }

  private Weight matrix(DType dtype, int rows, int columns) {
    return backend.load(List.of(tensor(dtype, rows, columns)));
  }

  private Weight gateUp(DType gate, DType up) {
    return backend.load(List.of(tensor(gate, INNER, WIDTH), tensor(up, INNER, WIDTH)));
  }

  private static int columns(DType dtype) {
    return Math.max(WIDTH, dtype.blockElements());
  }

  /** A bias of two types. */
  private Weight bias(int length) {
    return backend.load(List.of(vector(DType.F32, length / 2), vector(DType.BF16, length / 2)));
  }

  private StoredTensor vector(DType dtype, int length) {
    return RandomTensors.vector(dtype, length, random);
  }

  private FeedForwardMaps biased(Weight gateUp, Weight down) {
    return new FeedForwardMaps(gateUp, bias(gateUp.rows()), down, bias(down.rows()));
  }

  /** One expert has all of the share, and adds what a dense layer of its weights does. */
  private void requireDense(ActivationFunction function, Weight gateUp, Weight down) {
    requireDense(function, new FeedForwardMaps(gateUp, down));
    requireDense(function, biased(gateUp, down));
  }

  private void requireDense(ActivationFunction function, FeedForwardMaps expert) {
    int width = expert.gateUp().columns();
    int[] tokens = IntStream.range(0, ROWS).toArray();
    Weight table = matrix(DType.F32, ROWS, width);
    Weight router = matrix(DType.F32, 1, width);
    ExpertSpec spec =
        new ExpertSpec(RouterSpec.softmax(router, null, 1, true, 1), List.of(expert), function);
    ExpertLayer layer = backend.experts(spec, ROWS);
    Activations in = DeviceRows.of(backend, table, tokens);
    Activations mixed = DeviceRows.of(backend, table, tokens);
    Activations dense = DeviceRows.of(backend, table, tokens);
    StepBatch batch = DeviceRows.step(tokens);
    backend.addExperts(batch, in, layer, mixed);
    FeedForwardRoom room =
        backend.feedForwardRoom(function, ROWS, expert.down().columns(), List.of());
    backend.feedForward(batch, function, in, expert, room, dense, true);
    float[][] expected = DeviceRows.values(backend, dense, ROWS);
    float[][] actual = DeviceRows.values(backend, mixed, ROWS);
    for (int row = 0; row < ROWS; row++) {
      assertThat(actual[row]).as("row %d", row).containsExactly(expected[row]);
    }
  }

  @ParameterizedTest
  @EnumSource
  void one_expert_of_any_type_has_the_bits_of_a_dense_layer(DType dtype) {
    int width = columns(dtype);
    int inner = Math.max(INNER, dtype.blockElements());
    for (ActivationFunction function : functions()) {
      Weight first = matrix(dtype, function.inputs(inner), width);
      requireDense(function, first, matrix(dtype, width, inner));
    }
  }

  @Test
  void gates_ups_and_downs_may_be_of_several_types() {
    for (DType down : List.of(DType.F32, DType.BF16)) {
      requireDense(GateFunction.SILU, gateUp(DType.Q8_0, DType.Q4_0), matrix(down, WIDTH, INNER));
      requireDense(
          GateFunction.SWIGLU_OAI, gateUp(DType.MXFP4, DType.BF16), matrix(down, WIDTH, INNER));
      requireDense(GateFunction.SILU, gateUp(DType.F16, DType.Q4_0), matrix(down, WIDTH, INNER));
      requireDense(
          GateFunction.GELU_TANH, gateUp(DType.BF16, DType.F32), matrix(down, WIDTH, INNER));
    }
  }

  @Test
  void experts_of_a_layer_that_are_kept_unlike_each_other_are_refused() {
    Weight router = matrix(DType.F32, 2, WIDTH);
    Weight gateUp = gateUp(DType.BF16, DType.BF16);
    Weight other = gateUp(DType.Q8_0, DType.BF16);
    Weight down = matrix(DType.BF16, WIDTH, INNER);
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            layer(
                router,
                List.of(new FeedForwardMaps(gateUp, down), new FeedForwardMaps(other, down))))
        .withMessageContaining("gates and ups of expert 1")
        .withMessageContaining("128 rows of Q8_0 above 128 rows of BF16")
        .withMessageContaining("256 rows of BF16");
    Weight mixed =
        backend.load(List.of(tensor(DType.F32, 4, INNER), tensor(DType.BF16, WIDTH - 4, INNER)));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            layer(
                router,
                List.of(new FeedForwardMaps(gateUp, mixed), new FeedForwardMaps(gateUp, mixed))))
        .withMessageContaining("F32");
  }

  @Test
  void biases_that_do_not_fit_are_refused() {
    Weight router = matrix(DType.F32, 1, WIDTH);
    Weight gateUp = gateUp(DType.BF16, DType.BF16);
    Weight down = matrix(DType.BF16, WIDTH, INNER);
    Weight tooShort = bias(WIDTH - 2);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> layer(router, List.of(new FeedForwardMaps(gateUp, tooShort, down, null))))
        .withMessageContaining("bias of gates and ups");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> layer(router, List.of(new FeedForwardMaps(gateUp, null, down, tooShort))))
        .withMessageContaining("bias of downs");
    ExpertSpec spec =
        new ExpertSpec(
            RouterSpec.softmax(router, tooShort, 1, true, 1),
            List.of(new FeedForwardMaps(gateUp, down)),
            GateFunction.SILU);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.experts(spec, 1))
        .withMessageContaining("router's bias");
  }

  @Test
  void more_experts_than_kernels_count_are_refused() {
    int count = Abi.MAX_EXPERTS + 1;
    Weight gateUp = matrix(DType.F32, 2, 4);
    Weight down = matrix(DType.F32, 4, 1);
    Weight router = matrix(DType.F32, count, 4);
    List<FeedForwardMaps> experts =
        Stream.generate(() -> new FeedForwardMaps(gateUp, down)).limit(count).toList();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> layer(router, experts))
        .withMessageContaining("1024");
  }

  private ExpertLayer layer(Weight router, List<FeedForwardMaps> experts) {
    return backend.experts(
        new ExpertSpec(RouterSpec.softmax(router, null, 1, true, 1), experts, GateFunction.SILU),
        1);
  }

  static List<ActivationFunction> functions() {
    return Stream.<ActivationFunction[]>of(GateFunction.values(), UngatedFunction.values())
        .flatMap(Arrays::stream)
        .toList();
  }

  @ParameterizedTest
  @MethodSource("functions")
  void a_recorded_step_takes_whatever_routes_its_rows_have(ActivationFunction function) {
    int count = 6;
    boolean biased = function != GateFunction.SILU;
    Weight table = matrix(DType.BF16, 40, WIDTH);
    Weight gain = backend.load(List.of(vector(DType.F32, WIDTH)));
    Weight router = matrix(DType.BF16, count, WIDTH);
    List<FeedForwardMaps> experts =
        Stream.generate(
                () -> {
                  int inputs = function.inputs(INNER);
                  Weight gateUp = matrix(biased ? DType.MXFP4 : DType.Q8_0, inputs, WIDTH);
                  Weight down = matrix(biased ? DType.MXFP4 : DType.Q4_0, WIDTH, INNER);
                  return biased ? biased(gateUp, down) : new FeedForwardMaps(gateUp, down);
                })
            .limit(count)
            .toList();
    ExpertSpec spec =
        new ExpertSpec(
            RouterSpec.softmax(router, biased ? bias(count) : null, 3, true, 0.5f),
            experts,
            function);
    ExpertLayer layer = backend.experts(spec, 5);
    Activations out = backend.activations(5, WIDTH);
    Activations normed = backend.operands(5, WIDTH);
    Consumer<StepBatch> pass =
        batch -> {
          backend.embed(batch, table, out);
          backend.norm(batch, out, new Norm.RootMeanSquare(gain, 1e-5f), normed);
          backend.addExperts(batch, normed, layer, out);
        };
    for (int round = 0; round < 10; round++) {
      int[] tokens = random.ints(2 + round % 4, 0, 40).toArray();
      StepBatch decodes = new StepBatch(5, 5);
      for (int token : tokens) {
        decodes.add(new int[] {token}, 0, 1, BlockTable.EMPTY, true);
      }
      backend.step(decodes, pass);
      float[][] replayed = DeviceRows.values(backend, out, tokens.length);
      pass.accept(DeviceRows.step(tokens));
      float[][] launched = DeviceRows.values(backend, out, tokens.length);
      for (int row = 0; row < tokens.length; row++) {
        assertThat(replayed[row]).as("round %d", round).containsExactly(launched[row]);
      }
    }
    assertThat(backend.records()).isOne();
  }

  @Test
  void rows_beyond_those_of_a_turn_have_the_bits_that_they_have_alone() {
    int count = 5;
    int most = 2100;
    Weight table = matrix(DType.F32, 300, 32);
    List<FeedForwardMaps> experts =
        Stream.generate(
                () -> new FeedForwardMaps(matrix(DType.BF16, 128, 32), matrix(DType.BF16, 32, 64)))
            .limit(count)
            .toList();
    ExpertSpec spec =
        new ExpertSpec(
            RouterSpec.softmax(matrix(DType.F32, count, 32), null, 2, false, 0.5f),
            experts,
            GateFunction.SILU);
    ExpertLayer layer = backend.experts(spec, most);
    int[] tokens = random.ints(most, 0, 300).toArray();
    Activations in = DeviceRows.of(backend, table, tokens);
    Activations out = DeviceRows.of(backend, table, tokens);
    backend.addExperts(DeviceRows.step(tokens), in, layer, out);
    float[][] together = DeviceRows.values(backend, out, most);
    for (int row : new int[] {0, 1, 77, 2047, 2048, 2099}) {
      Activations alone = DeviceRows.of(backend, table, tokens[row]);
      backend.addExperts(
          DeviceRows.step(tokens[row]), DeviceRows.of(backend, table, tokens[row]), layer, alone);
      assertThat(DeviceRows.values(backend, alone, 1)[0])
          .as("row %d", row)
          .containsExactly(together[row]);
    }
  }
}
