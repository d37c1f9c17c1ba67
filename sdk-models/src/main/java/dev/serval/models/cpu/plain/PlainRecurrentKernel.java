package dev.serval.models.cpu.plain;

import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.recurrent.ConvolutionWork;
import dev.serval.models.cpu.recurrent.RecallWork;
import dev.serval.models.cpu.recurrent.RecurrentKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Layers that carry a state along in plain Java. */
public final class PlainRecurrentKernel implements RecurrentKernel {
  @Override
  public void convolve(
      ConvolutionWork work, float[] history, int row, int channel, int count, int worker) {
    long to = work.out().row(row) + channel;
    for (int i = 0; i < count; i++) {
      float sum = sum(work, history, row, channel, i, count);
      work.out().set(to + i, work.activates() ? sum / (1 + Exponential.of(-sum)) : sum);
    }
  }

  private static float sum(
      ConvolutionWork work, float[] history, int row, int first, int index, int count) {
    int older = work.taps() - 1;
    int channel = first + index;
    float sum = work.in().at(work.input(row, channel)) * weight(work, older, channel);
    for (int tap = 0; tap < older; tap++) {
      sum += history[tap * count + index] * weight(work, tap, channel);
    }
    MemorySegment bias = work.bias();
    return bias == null ? sum : sum + bias.getAtIndex(ValueLayout.JAVA_FLOAT, channel);
  }

  private static float weight(ConvolutionWork work, int tap, int channel) {
    long at = (long) tap * work.channels() + channel;
    return work.weights().getAtIndex(ValueLayout.JAVA_FLOAT, at);
  }

  @Override
  public void recall(
      RecallWork work, int head, int row, int rows, long matrix, int column, int worker) {
    for (int r = row; r < row + rows; r++) {
      for (int j = column; j < work.valueDim(); j++) {
        recallColumn(work, head, r, r - row, matrix + (long) j * Float.BYTES, j, worker);
      }
    }
  }

  private static void recallColumn(
      RecallWork work, int head, int row, int turn, long matrix, int column, int worker) {
    CpuActivations between = work.between();
    MemorySegment matrices = work.matrices();
    long query = work.query(row, head);
    long key = work.key(row, head);
    long apart = (long) work.valueDim() * Float.BYTES;
    float kept = work.kept(worker)[turn];
    float known = 0;
    for (int i = 0; i < work.keyDim() && work.corrects(); i++) {
      known += between.at(key + i) * matrices.get(ValueLayout.JAVA_FLOAT, matrix + i * apart);
    }
    float value = between.at(work.value(row, head) + column);
    float learnt = work.strengths(worker)[turn] * (value - kept * known);
    float recalled = 0;
    for (int i = 0; i < work.keyDim(); i++) {
      float before = matrices.get(ValueLayout.JAVA_FLOAT, matrix + i * apart);
      float after = kept * before + between.at(key + i) * learnt;
      matrices.set(ValueLayout.JAVA_FLOAT, matrix + i * apart, after);
      recalled += between.at(query + i) * after;
    }
    work.out().set(work.result(row, head) + column, recalled);
  }
}
