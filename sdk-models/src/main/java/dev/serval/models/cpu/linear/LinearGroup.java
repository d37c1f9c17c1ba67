package dev.serval.models.cpu.linear;

import dev.serval.models.cpu.crew.WorkCrew;
import java.util.ArrayList;
import java.util.List;

/** Products that do not depend on each other, of matrices of one width, shared out together. */
public final class LinearGroup implements WorkCrew.Work {
  /** Kernels keep the inputs of up to so many rows together, from multiples of it on. */
  private static final int ROWS_TOGETHER = 4;

  private final List<LinearWork> products = new ArrayList<>();
  private int[] ends = new int[0];
  private int count;
  private int inputs;
  private int allInputs;
  private long operations;

  /**
   * Begins a group.
   *
   * @param most how many products it has at most
   * @param rows how many rows they have, all together
   */
  public void begin(int most, int rows) {
    while (products.size() < most) {
      products.add(new LinearWork());
    }
    if (ends.length < most) {
      ends = new int[most];
    }
    count = 0;
    inputs = 0;
    allInputs = rows + most * (ROWS_TOGETHER - 1);
    operations = 0;
  }

  /** The next product, to be filled in and then {@linkplain #take taken}. */
  public LinearWork next() {
    return products.get(count);
  }

  /** Takes the next product into the group, and its inputs. */
  public void take(WorkCrew crew) {
    LinearWork product = next().among(inputs, allInputs);
    product.prepare(crew);
    inputs += Math.ceilDiv(product.rows(), ROWS_TOGETHER) * ROWS_TOGETHER;
    operations += product.operations();
    int before = parts();
    ends[count] = before + product.parts();
    count++;
  }

  @Override
  public int parts() {
    return count == 0 ? 0 : ends[count - 1];
  }

  @Override
  public long operations() {
    return operations;
  }

  @Override
  public void part(int part, int worker) {
    int product = 0;
    while (part >= ends[product]) {
      product++;
    }
    int first = product == 0 ? 0 : ends[product - 1];
    products.get(product).part(part - first, worker);
  }
}
