package dev.serval.api.compute;

import java.util.List;

/**
 * A linear map for each head of a row.
 *
 * @param maps matrices of one size, the first head's first
 * @param kept how many columns of each head, behind those that its map takes, stay as they are
 */
public record HeadMaps(List<Weight> maps, int kept) {
  /** Refuses maps that differ in size. */
  public HeadMaps {
    maps = List.copyOf(maps);
    if (maps.isEmpty() || kept < 0) {
      throw new IllegalArgumentException(
          "there is at least one head and none keeps fewer than 0 columns, unlike %d, %d"
              .formatted(maps.size(), kept));
    }
    Weight first = maps.getFirst();
    for (Weight map : maps) {
      if (map.rows() != first.rows() || map.columns() != first.columns()) {
        throw new IllegalArgumentException(
            "maps of heads are all of one size, unlike %d × %d and %d × %d"
                .formatted(first.rows(), first.columns(), map.rows(), map.columns()));
      }
    }
  }

  /**
   * How many heads there are.
   *
   * @return 1 or more
   */
  public int heads() {
    return maps.size();
  }

  /**
   * How wide a head is in what comes in.
   *
   * @return its columns, those that are kept included
   */
  public int inputStep() {
    return maps.getFirst().columns() + kept;
  }

  /**
   * How wide a head is in what goes out.
   *
   * @return its columns, those that are kept included
   */
  public int outputStep() {
    return maps.getFirst().rows() + kept;
  }
}
