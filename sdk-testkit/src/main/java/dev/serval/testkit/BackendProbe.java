package dev.serval.testkit;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Puts numbers into a backend's buffers and gets them out, by what every backend can do: rows go in
 * as embeddings and come out as logits of an identity matrix.
 */
final class BackendProbe {
  private final ComputeBackend backend;
  private final Arena arena;
  private final Map<Integer, Weight> identities = new HashMap<>();

  BackendProbe(ComputeBackend backend, Arena arena) {
    this.backend = backend;
    this.arena = arena;
  }

  /** The types that store each number by itself. */
  static final List<DType> PLAIN = List.of(DType.F32, DType.F16, DType.BF16);

  /** All that a feed-forward layer may have between its maps. */
  static List<ActivationFunction> functions() {
    return Stream.<ActivationFunction[]>of(GateFunction.values(), UngatedFunction.values())
        .flatMap(Arrays::stream)
        .toList();
  }

  /** Random numbers that the type holds exactly, most of them within ±1. */
  static float[][] random(Random random, DType dtype, int rows, int columns) {
    float[][] values = new float[rows][columns];
    for (float[] row : values) {
      for (int i = 0; i < columns; i++) {
        row[i] = exact(dtype, (float) (random.nextGaussian() * 0.5));
      }
    }
    return values;
  }

  private static float exact(DType dtype, float value) {
    return switch (dtype) {
      case F32 -> value;
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xFFFF0000);
      default -> throw new IllegalArgumentException(dtype + " is block-wise");
    };
  }

  StoredTensor tensor(String name, DType dtype, List<Long> shape, float[]... rows) {
    int count = rows.length * rows[0].length;
    MemorySegment data = arena.allocate(dtype.bytes(count));
    int at = 0;
    for (float[] row : rows) {
      for (float value : row) {
        store(data, dtype, at++, value);
      }
    }
    return new StoredTensor(name, dtype, shape, data.asReadOnly());
  }

  private static void store(MemorySegment data, DType dtype, int index, float value) {
    ByteOrder little = ByteOrder.LITTLE_ENDIAN;
    ValueLayout.OfShort half = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(little);
    switch (dtype) {
      case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(little), index, value);
      case F16 -> data.setAtIndex(half, index, Float.floatToFloat16(value));
      case BF16 ->
          data.setAtIndex(half, index, (short) (Float.floatToRawIntBits(value) >>> Short.SIZE));
      default -> throw new IllegalArgumentException(dtype + " is block-wise");
    }
  }

  StoredTensor matrixTensor(DType dtype, float[][] rows) {
    return tensor("matrix", dtype, List.of((long) rows.length, (long) rows[0].length), rows);
  }

  StoredTensor vectorTensor(DType dtype, float[] values) {
    return tensor("vector", dtype, List.of((long) values.length), values);
  }

  Weight matrix(DType dtype, float[][] rows) {
    return backend.load(List.of(matrixTensor(dtype, rows)));
  }

  Weight vector(DType dtype, float[] values) {
    return backend.load(List.of(vectorTensor(dtype, values)));
  }

  /** A step of one sequence whose tokens are its row numbers, without logits. */
  static StepBatch step(int rows) {
    StepBatch batch = new StepBatch(rows, 1);
    batch.add(IntStream.range(0, rows).toArray(), 0, rows, BlockTable.EMPTY, false);
    return batch;
  }

  /** A step of so many sequences of one token, whose logits are wanted. */
  static StepBatch sequences(int count) {
    StepBatch batch = new StepBatch(count, count);
    for (int i = 0; i < count; i++) {
      batch.add(new int[1], 0, 1, BlockTable.EMPTY, true);
    }
    return batch;
  }

  Activations buffer(int rows, int columns) {
    return backend.activations(rows, columns);
  }

  Activations put(float[][] rows) {
    Activations buffer = buffer(rows.length, rows[0].length);
    put(rows, buffer);
    return buffer;
  }

  void put(float[][] rows, Activations buffer) {
    backend.embed(step(rows.length), matrix(DType.F32, rows), buffer);
  }

  float[][] get(Activations buffer, int rows) {
    StepBatch batch = sequences(rows);
    Logits logits = backend.logits(rows, buffer.columns());
    Weight identity =
        identities.computeIfAbsent(
            buffer.columns(), columns -> matrix(DType.F32, identity(columns)));
    backend.project(batch, buffer, identity, null, logits);
    return values(logits);
  }

  static float[][] values(Logits logits) {
    float[][] values = new float[logits.rows()][];
    for (int row = 0; row < values.length; row++) {
      values[row] = logits.row(row).toArray(ValueLayout.JAVA_FLOAT);
    }
    return values;
  }

  static float[][] identity(int size) {
    float[][] rows = new float[size][size];
    for (int i = 0; i < size; i++) {
      rows[i][i] = 1;
    }
    return rows;
  }
}
