package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Maps of heads, many at once, beside linear maps by the same instructions. */
final class CudaHeadsTest extends CudaCase {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final int ROWS = 11;

  @Override
  ComputeBackend open(NativeMemory host) {
    return GPU.provider().portable().open(GPU.device(), ComputeOptions.of(1), host);
  }

  private Weight matrix(DType dtype, int rows, int columns) {
    return backend.load(List.of(RandomTensors.matrix(dtype, rows, columns, random)));
  }

  private HeadMaps maps(int heads, DType dtype, int rows, int columns, int kept) {
    return new HeadMaps(
        Stream.generate(() -> matrix(dtype, rows, columns)).limit(heads).toList(), kept);
  }

  private Activations rows(StoredTensor table) {
    int[] tokens = IntStream.range(0, ROWS).toArray();
    return DeviceRows.of(backend, backend.load(List.of(table)), tokens);
  }

  private static StepBatch step() {
    return DeviceRows.step(new int[ROWS]);
  }

  /** Some columns of a table of F32. */
  private static StoredTensor columns(StoredTensor table, int from, int count) {
    long width = table.shape().getLast();
    MemorySegment data = MemorySegment.ofArray(new byte[ROWS * count * Float.BYTES]);
    for (int row = 0; row < ROWS; row++) {
      MemorySegment.copy(
          table.data(),
          (row * width + from) * Float.BYTES,
          data,
          (long) row * count * Float.BYTES,
          (long) count * Float.BYTES);
    }
    return new StoredTensor("columns", DType.F32, List.of((long) ROWS, (long) count), data);
  }

  private void requireBitsOfLinearMaps(HeadMaps maps) {
    int width = maps.heads() * maps.inputStep();
    StoredTensor table = RandomTensors.matrix(DType.F32, ROWS, width, random);
    Activations out = backend.activations(ROWS, maps.heads() * maps.outputStep());
    backend.linearOfHeads(step(), rows(table), maps, null, out);
    float[][] actual = DeviceRows.values(backend, out, ROWS);
    for (int head = 0; head < maps.heads(); head++) {
      Weight map = maps.maps().get(head);
      Activations alone = backend.activations(ROWS, map.rows());
      Activations own = rows(columns(table, head * maps.inputStep(), map.columns()));
      backend.linear(step(), own, map, null, alone);
      float[][] expected = DeviceRows.values(backend, alone, ROWS);
      int from = head * maps.outputStep();
      for (int row = 0; row < ROWS; row++) {
        assertThat(Arrays.copyOfRange(actual[row], from, from + map.rows()))
            .as("head %d, row %d", head, row)
            .containsExactly(expected[row]);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void each_head_has_the_bits_of_a_linear_map_whatever_its_type(DType dtype) {
    int block = dtype.blockElements();
    requireBitsOfLinearMaps(maps(3, dtype, 70, Math.max(64, block), 64));
    requireBitsOfLinearMaps(maps(2, dtype, 64, Math.max(512, block), 0));
    requireBitsOfLinearMaps(maps(3, dtype, 5, block == 1 ? 37 : block, 6));
  }

  @Test
  void heads_may_be_of_several_types() {
    List<StoredTensor> stacked =
        Stream.of(DType.F16, DType.BF16)
            .map(dtype -> RandomTensors.matrix(dtype, 32, 96, random))
            .toList();
    List<Weight> weights =
        List.of(
            matrix(DType.BF16, 64, 96),
            matrix(DType.BF16, 64, 96),
            matrix(DType.F32, 64, 96),
            backend.load(stacked),
            matrix(DType.Q8_0, 64, 96),
            matrix(DType.Q8_0, 64, 96));
    requireBitsOfLinearMaps(new HeadMaps(weights, 3));
  }

  @Test
  void heads_beyond_those_of_a_launch_are_mapped_too() {
    requireBitsOfLinearMaps(maps(Abi.MAX_HEADS + 2, DType.BF16, 4, 8, 0));
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "MXFP4"})
  void many_heads_take_no_more_launches_than_one(DType dtype) {
    assumeFalse(TestedGpu.isReal(), "a GPU does not count its launches");
    for (int columns : new int[] {64, 96}) {
      long one = launches(maps(1, dtype, 70, columns, 32));
      assertThat(launches(maps(Abi.MAX_HEADS, dtype, 70, columns, 32))).isEqualTo(one);
    }
  }

  private long launches(HeadMaps maps) {
    Activations in = backend.activations(ROWS, maps.heads() * maps.inputStep());
    Activations out = backend.activations(ROWS, maps.heads() * maps.outputStep());
    DeviceRows.values(backend, out, ROWS);
    long before = GPU.standIn().executed("kernels");
    backend.linearOfHeads(step(), in, maps, null, out);
    DeviceRows.values(backend, out, ROWS);
    return GPU.standIn().executed("kernels") - before;
  }

  @Test
  void a_recorded_step_maps_the_heads_of_its_own_rows() {
    HeadMaps maps = maps(4, DType.Q8_0, 20, 96, 5);
    Weight table = matrix(DType.F32, 40, 4 * maps.inputStep());
    Activations in = backend.activations(5, table.columns());
    Activations out = backend.activations(5, 4 * maps.outputStep());
    Consumer<StepBatch> pass =
        batch -> {
          backend.embed(batch, table, in);
          backend.linearOfHeads(batch, in, maps, null, out);
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
}
