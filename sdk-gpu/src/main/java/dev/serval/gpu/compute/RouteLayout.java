package dev.serval.gpu.compute;

import dev.serval.api.compute.ExpertSpec;

/**
 * How the routes of a layer of experts lie on the device, all in one buffer: what stands for a step
 * of as many rows as there are routes at its beginning, and arrays at these offsets in bytes. Rows
 * beyond {@link #turnRows} take turns, so that what lies between an expert's maps stays bounded.
 *
 * @param turnRows the most rows whose routes are followed together
 * @param used how many experts a row goes to
 * @param experts which they are, for all rows
 * @param shares what each counts, for all rows
 * @param places where routes went when they were sorted, for all rows
 * @param sources the rows of sorted routes, for those of a turn
 * @param tiles routes that are multiplied together, for those of a turn
 * @param products F32 rows of the router's products, for all rows
 * @param bytes how much there is
 */
record RouteLayout(
    int turnRows,
    int used,
    long experts,
    long shares,
    long places,
    long sources,
    long tiles,
    long products,
    long bytes) {
  /** The fewest routes of a tile. */
  static final int NARROW = 8;

  private static final int MOST_ROWS = 2048;
  private static final int MOST_ROUTES = 16384;
  private static final long ALIGNMENT = 256;

  static RouteLayout of(ExpertSpec spec, int maxRows) {
    int turnRows = Math.min(maxRows, Math.clamp(MOST_ROUTES / spec.router().used(), 1, MOST_ROWS));
    long routes = (long) maxRows * spec.router().used() * Integer.BYTES;
    long experts = aligned(Abi.STEP.size());
    long shares = experts + aligned(routes);
    long places = shares + aligned(routes);
    long sources = places + aligned(routes);
    long tiles = sources + aligned((long) turnRows * spec.router().used() * Integer.BYTES);
    int mostTiles = tiles(turnRows * spec.router().used(), spec.count(), NARROW);
    long products = tiles + aligned(mostTiles * Abi.ROUTE_TILE.size());
    long end = products + CudaActivations.bytes(CudaActivations.Form.ROWS, maxRows, spec.count());
    return new RouteLayout(
        turnRows, spec.router().used(), experts, shares, places, sources, tiles, products, end);
  }

  private static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  /** How many routes a turn has at most. */
  int turnRoutes() {
    return turnRows * used;
  }

  /** How many tiles of so many routes there can be: one of each expert may not be full. */
  static int tiles(int routes, int experts, int width) {
    return (routes + Math.min(routes, experts) * (width - 1)) / width;
  }
}
