package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.RouterSpec;
import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Launches what mixes experts. Which rows go where is known on the device alone, so grids are as
 * large as any routes of so many rows could need.
 */
final class ExpertKernels {
  private static final long ROUTE_STEP = Abi.ROUTE.offset("step");
  private static final long ROUTE_PRODUCTS = Abi.ROUTE.offset("products");
  private static final long ROUTE_SELECTION_BIAS = Abi.ROUTE.offset("selectionBias");
  private static final long ROUTE_EXPERT_SCALES = Abi.ROUTE.offset("expertScales");
  private static final long ROUTE_EXPERTS = Abi.ROUTE.offset("experts");
  private static final long ROUTE_SHARES = Abi.ROUTE.offset("shares");
  private static final long ROUTE_COUNT = Abi.ROUTE.offset("count");
  private static final long ROUTE_STRIDE = Abi.ROUTE.offset("stride");
  private static final long ROUTE_USED = Abi.ROUTE.offset("used");
  private static final long ROUTE_NORMALISED = Abi.ROUTE.offset("normalised");
  private static final long ROUTE_FACTOR = Abi.ROUTE.offset("factor");
  private static final long ROUTE_SIGMOID = Abi.ROUTE.offset("sigmoid");
  private static final long ROUTE_GROUPS = Abi.ROUTE.offset("groups");
  private static final long ROUTE_GROUPS_USED = Abi.ROUTE.offset("groupsUsed");
  private static final long ROUTE_TWO_HIGHEST = Abi.ROUTE.offset("twoHighest");

  private static final long SORT_STEP = Abi.SORT_ROUTES.offset("step");
  private static final long SORT_EXPERTS = Abi.SORT_ROUTES.offset("experts");
  private static final long SORT_ROUTES = Abi.SORT_ROUTES.offset("routes");
  private static final long SORT_TILE_OF = Abi.SORT_ROUTES.offset("tileOf");
  private static final long SORT_SOURCES = Abi.SORT_ROUTES.offset("sources");
  private static final long SORT_PLACES = Abi.SORT_ROUTES.offset("places");
  private static final long SORT_COUNT = Abi.SORT_ROUTES.offset("count");
  private static final long SORT_USED = Abi.SORT_ROUTES.offset("used");
  private static final long SORT_FIRST_ROW = Abi.SORT_ROUTES.offset("firstRow");
  private static final long SORT_MOST_ROWS = Abi.SORT_ROUTES.offset("mostRows");
  private static final long SORT_TILE_ROUTES = Abi.SORT_ROUTES.offset("tileRoutes");

  private static final long LINEAR_ROUTES = Abi.ROUTED_LINEAR.offset("routes");
  private static final long LINEAR_TILE_OF = Abi.ROUTED_LINEAR.offset("tileOf");
  private static final long LINEAR_SOURCES = Abi.ROUTED_LINEAR.offset("sources");
  private static final long LINEAR_WEIGHTS = Abi.ROUTED_LINEAR.offset("weights");
  private static final long LINEAR_BIASES = Abi.ROUTED_LINEAR.offset("biases");
  private static final long LINEAR_IN = Abi.ROUTED_LINEAR.offset("in");
  private static final long LINEAR_OUT = Abi.ROUTED_LINEAR.offset("out");
  private static final long LINEAR_IN_STRIDE = Abi.ROUTED_LINEAR.offset("inStride");
  private static final long LINEAR_WEIGHT_ROWS = Abi.ROUTED_LINEAR.offset("weightRows");
  private static final long LINEAR_COLUMNS = Abi.ROUTED_LINEAR.offset("columns");
  private static final long LINEAR_WEIGHT_STRIDE = Abi.ROUTED_LINEAR.offset("weightStride");
  private static final long LINEAR_OUT_STRIDE = Abi.ROUTED_LINEAR.offset("outStride");
  private static final long LINEAR_OUT_COLUMN = Abi.ROUTED_LINEAR.offset("outColumn");

  private static final long SCALE_STEP = Abi.SCALE_ROUTES.offset("step");
  private static final long SCALE_PLACES = Abi.SCALE_ROUTES.offset("places");
  private static final long SCALE_SHARES = Abi.SCALE_ROUTES.offset("shares");
  private static final long SCALE_ROWS = Abi.SCALE_ROUTES.offset("rows");
  private static final long SCALE_COLUMNS = Abi.SCALE_ROUTES.offset("columns");
  private static final long SCALE_STRIDE = Abi.SCALE_ROUTES.offset("stride");
  private static final long SCALE_USED = Abi.SCALE_ROUTES.offset("used");
  private static final long SCALE_FIRST_ROW = Abi.SCALE_ROUTES.offset("firstRow");
  private static final long SCALE_MOST_ROWS = Abi.SCALE_ROUTES.offset("mostRows");

  private static final long ADD_STEP = Abi.ADD_ROUTES.offset("step");
  private static final long ADD_PLACES = Abi.ADD_ROUTES.offset("places");
  private static final long ADD_SHARES = Abi.ADD_ROUTES.offset("shares");
  private static final long ADD_GIVEN = Abi.ADD_ROUTES.offset("given");
  private static final long ADD_OUT = Abi.ADD_ROUTES.offset("out");
  private static final long ADD_COLUMNS = Abi.ADD_ROUTES.offset("columns");
  private static final long ADD_GIVEN_STRIDE = Abi.ADD_ROUTES.offset("givenStride");
  private static final long ADD_OUT_STRIDE = Abi.ADD_ROUTES.offset("outStride");
  private static final long ADD_USED = Abi.ADD_ROUTES.offset("used");
  private static final long ADD_FIRST_ROW = Abi.ADD_ROUTES.offset("firstRow");
  private static final long ADD_MOST_ROWS = Abi.ADD_ROUTES.offset("mostRows");

  /** Rows that a block of the router's kernel takes. */
  private static final int ROUTED_ROWS = 4;

  /** Columns that a block adds, or multiplies: four for each of its threads. */
  private static final int ADDED_COLUMNS = 1024;

  /** Rows of a matrix that a block without tensor cores takes. */
  private static final int PLAIN_ROWS = 8;

  private static final int WIDE = 64;

  /** What applies a function to its products has this in its name. */
  private static final Map<ActivationFunction, String> GATES =
      Map.of(GateFunction.SILU, "_gated", GateFunction.SWIGLU_OAI, "_gated_swiglu_oai");

  private final LaunchSite site;
  private final Kernel route;
  private final Kernel sort;
  private final Kernel scale;
  private final Kernel add;
  private final Map<MatrixType, Family> plain = new EnumMap<>(MatrixType.class);
  private final Map<ActivationFunction, Map<MatrixType, Family>> gated = new HashMap<>();

  ExpertKernels(KernelModule module, LaunchSite site) {
    this.site = site;
    route = module.kernel("route");
    sort = module.kernel("sort_routes");
    scale = module.kernel("scale_routes");
    add = module.kernel("add_routes");
    for (MatrixType type : MatrixType.values()) {
      if (type.packed()) {
        plain.put(type, Family.of(module, "mma_routed_" + type.kernelName()));
      } else {
        Kernel only = module.kernel("routed_" + type.kernelName());
        plain.put(type, new Family(only, only));
      }
    }
    GATES.forEach((function, name) -> gated.put(function, gated(module, name)));
  }

  private static Map<MatrixType, Family> gated(KernelModule module, String name) {
    Map<MatrixType, Family> families = new EnumMap<>(MatrixType.class);
    for (MatrixType type : MatrixType.values()) {
      if (type.packed()) {
        families.put(type, Family.of(module, "mma_routed_" + type.kernelName() + name));
      }
    }
    return families;
  }

  /** Whether there are kernels that multiply by gates and ups and apply this to them. */
  static boolean gates(ActivationFunction function) {
    return GATES.containsKey(function);
  }

  /**
   * The kernels of one type of matrix, which give the same bits.
   *
   * @param narrow for tiles of {@link RouteLayout#NARROW} routes
   * @param wide for tiles of {@link #WIDE}
   */
  private record Family(Kernel narrow, Kernel wide) {
    static Family of(KernelModule module, String name) {
      return new Family(
          module.kernel(name + "_n" + RouteLayout.NARROW), module.kernel(name + "_n" + WIDE));
    }

    Kernel of(int width) {
      return width == WIDE ? wide : narrow;
    }
  }

  /**
   * Some routes: those of consecutive rows of a layer.
   *
   * @param layout where they lie
   * @param address of the buffer
   * @param experts among how many experts
   * @param firstRow the first row
   * @param rows how many rows there are at most
   * @param width how many routes are multiplied together
   */
  record Turn(RouteLayout layout, long address, int experts, int firstRow, int rows, int width) {
    int routes() {
      return rows * layout.used();
    }

    int tiles() {
      return RouteLayout.tiles(routes(), experts, width);
    }
  }

  /** How many routes to multiply together: many where experts have them. */
  static int width(boolean packed, int routes, int experts) {
    return packed && routes > 2 * RouteLayout.NARROW * experts ? WIDE : RouteLayout.NARROW;
  }

  /** Chooses each row's experts by the products of the router's map. */
  void route(CudaExperts layer, long address, CudaActivations products, int rows) {
    MemorySegment to = route.arguments();
    RouteLayout layout = layer.layout();
    RouterSpec router = layer.spec().router();
    to.set(JAVA_LONG, ROUTE_STEP, site.step().address());
    to.set(JAVA_LONG, ROUTE_PRODUCTS, products.address());
    to.set(JAVA_LONG, ROUTE_SELECTION_BIAS, layer.selectionBias());
    to.set(JAVA_LONG, ROUTE_EXPERT_SCALES, layer.expertScales());
    to.set(JAVA_LONG, ROUTE_EXPERTS, address + layout.experts());
    to.set(JAVA_LONG, ROUTE_SHARES, address + layout.shares());
    to.set(JAVA_INT, ROUTE_COUNT, router.experts());
    to.set(JAVA_INT, ROUTE_STRIDE, products.stride());
    to.set(JAVA_INT, ROUTE_USED, router.used());
    to.set(JAVA_INT, ROUTE_NORMALISED, router.normalised() ? 1 : 0);
    to.set(JAVA_FLOAT, ROUTE_FACTOR, router.factor());
    to.set(JAVA_INT, ROUTE_SIGMOID, router.scoring() == RouterSpec.Scoring.SIGMOID ? 1 : 0);
    group(router.groups(), to);
    route.grid(Math.ceilDiv(rows, ROUTED_ROWS), 1, 1).launch(site.stream());
  }

  private static void group(RouterSpec.@Nullable Groups groups, MemorySegment to) {
    boolean two = groups != null && groups.score() == RouterSpec.GroupScore.TWO_HIGHEST;
    to.set(JAVA_INT, ROUTE_GROUPS, groups == null ? 1 : groups.count());
    to.set(JAVA_INT, ROUTE_GROUPS_USED, groups == null ? 1 : groups.used());
    to.set(JAVA_INT, ROUTE_TWO_HIGHEST, two ? 1 : 0);
  }

  /** Brings routes into the order of their experts. */
  void sort(Turn turn) {
    MemorySegment to = sort.arguments();
    RouteLayout layout = turn.layout();
    to.set(JAVA_LONG, SORT_STEP, site.step().address());
    to.set(JAVA_LONG, SORT_EXPERTS, turn.address() + layout.experts());
    to.set(JAVA_LONG, SORT_ROUTES, turn.address());
    to.set(JAVA_LONG, SORT_TILE_OF, turn.address() + layout.tiles());
    to.set(JAVA_LONG, SORT_SOURCES, turn.address() + layout.sources());
    to.set(JAVA_LONG, SORT_PLACES, turn.address() + layout.places());
    to.set(JAVA_INT, SORT_COUNT, turn.experts());
    to.set(JAVA_INT, SORT_USED, layout.used());
    to.set(JAVA_INT, SORT_FIRST_ROW, turn.firstRow());
    to.set(JAVA_INT, SORT_MOST_ROWS, turn.rows());
    to.set(JAVA_INT, SORT_TILE_ROUTES, turn.width());
    sort.grid(turn.experts(), 1, 1).launch(site.stream());
  }

  /** Multiplies each route's row by a part of its expert's weight. */
  void gather(
      Turn turn, ExpertWeights weights, int part, long in, int inStride, CudaActivations out) {
    Family family = Objects.requireNonNull(plain.get(weights.parts().get(part).type()));
    long sources = turn.address() + turn.layout().sources();
    launch(family.of(turn.width()), turn, weights, part, sources, in, inStride, out, 1);
  }

  /**
   * Multiplies each route's row by gates and ups of its expert and gates the one with the other.
   */
  void gatherGated(
      Turn turn,
      ActivationFunction function,
      ExpertWeights weights,
      long in,
      int inStride,
      CudaActivations out) {
    Map<MatrixType, Family> families = Objects.requireNonNull(gated.get(function));
    Family family = Objects.requireNonNull(families.get(weights.parts().getFirst().type()));
    long sources = turn.address() + turn.layout().sources();
    launch(family.of(turn.width()), turn, weights, 0, sources, in, inStride, out, 2);
  }

  /** Multiplies what each route has already by a part of its expert's weight. */
  void follow(Turn turn, ExpertWeights weights, int part, CudaActivations in, CudaActivations out) {
    Family family = Objects.requireNonNull(plain.get(weights.parts().get(part).type()));
    Kernel kernel = family.of(turn.width());
    launch(kernel, turn, weights, part, 0, in.address(), in.stride(), out, 1);
  }

  private void launch(
      Kernel kernel,
      Turn turn,
      ExpertWeights weights,
      int index,
      long sources,
      long in,
      int inStride,
      CudaActivations out,
      int halves) {
    CudaWeight.Part part = weights.parts().get(index);
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, LINEAR_ROUTES, turn.address());
    to.set(JAVA_LONG, LINEAR_TILE_OF, turn.address() + turn.layout().tiles());
    to.set(JAVA_LONG, LINEAR_SOURCES, sources);
    to.set(JAVA_LONG, LINEAR_WEIGHTS, weights.addresses(index));
    to.set(JAVA_LONG, LINEAR_BIASES, weights.biases(index));
    to.set(JAVA_LONG, LINEAR_IN, in);
    to.set(JAVA_LONG, LINEAR_OUT, out.address());
    to.set(JAVA_INT, LINEAR_IN_STRIDE, inStride);
    to.set(JAVA_INT, LINEAR_WEIGHT_ROWS, part.rows());
    to.set(JAVA_INT, LINEAR_COLUMNS, part.columns());
    to.set(JAVA_INT, LINEAR_WEIGHT_STRIDE, part.stride());
    to.set(JAVA_INT, LINEAR_OUT_STRIDE, out.stride());
    to.set(JAVA_INT, LINEAR_OUT_COLUMN, part.firstRow());
    int blocks =
        part.type().packed() ? part.rowTiles() / halves : Math.ceilDiv(part.rows(), PLAIN_ROWS);
    kernel.grid(blocks, turn.tiles(), 1).launch(site.stream());
  }

  /** Multiplies what the first maps made of each row by its shares. */
  void scale(Turn turn, CudaActivations rows) {
    MemorySegment to = scale.arguments();
    RouteLayout layout = turn.layout();
    to.set(JAVA_LONG, SCALE_STEP, site.step().address());
    to.set(JAVA_LONG, SCALE_PLACES, turn.address() + layout.places());
    to.set(JAVA_LONG, SCALE_SHARES, turn.address() + layout.shares());
    to.set(JAVA_LONG, SCALE_ROWS, rows.address());
    to.set(JAVA_INT, SCALE_COLUMNS, rows.columns());
    to.set(JAVA_INT, SCALE_STRIDE, rows.stride());
    to.set(JAVA_INT, SCALE_USED, layout.used());
    to.set(JAVA_INT, SCALE_FIRST_ROW, turn.firstRow());
    to.set(JAVA_INT, SCALE_MOST_ROWS, turn.rows());
    int blocks = Math.ceilDiv(rows.columns(), ADDED_COLUMNS);
    scale.grid(blocks, turn.rows(), 1).launch(site.stream());
  }

  /** Adds what its experts gave to each row, by its shares or as it is. */
  void add(Turn turn, boolean weighed, CudaActivations given, CudaActivations out) {
    MemorySegment to = add.arguments();
    RouteLayout layout = turn.layout();
    to.set(JAVA_LONG, ADD_STEP, site.step().address());
    to.set(JAVA_LONG, ADD_PLACES, turn.address() + layout.places());
    to.set(JAVA_LONG, ADD_SHARES, weighed ? turn.address() + layout.shares() : 0);
    to.set(JAVA_LONG, ADD_GIVEN, given.address());
    to.set(JAVA_LONG, ADD_OUT, out.address());
    to.set(JAVA_INT, ADD_COLUMNS, out.columns());
    to.set(JAVA_INT, ADD_GIVEN_STRIDE, given.stride());
    to.set(JAVA_INT, ADD_OUT_STRIDE, out.stride());
    to.set(JAVA_INT, ADD_USED, layout.used());
    to.set(JAVA_INT, ADD_FIRST_ROW, turn.firstRow());
    to.set(JAVA_INT, ADD_MOST_ROWS, turn.rows());
    int blocks = Math.ceilDiv(out.columns(), ADDED_COLUMNS);
    add.grid(blocks, turn.rows(), 1).launch(site.stream());
  }
}
