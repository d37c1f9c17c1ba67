package dev.serval.models.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Makes a dynamically quantised ONNX model give a text the same vector whatever is beside it. */
final class RowQuantisation {
  /*
   * A dynamically quantised model rounds its activations to 8 bits before each product of matrices:
   *
   *   DynamicQuantizeLinear(x) ─▶ q, s, z ;  MatMulInteger(q, w, z, zw) ─ Cast ─▶ Mul by (s · sw) ─▶ y
   *
   * with one scale s for the whole tensor, found from its largest and smallest element. So when texts
   * are computed together each is rounded by a scale that the others have a part in, and even its own
   * padding: the vectors of all-MiniLM-L6-v2 move by 0.035 (cosine 0.98), far more than what two
   * sentences of like meaning are apart. No batching of such a model can be exact.
   *
   * What this makes of it has a scale for each row, which is a token:
   *
   *   s = max(max|x| over the row, tiny) / 127 ;  q = round(x / s + 128) ;  z = 128
   *   MatMulInteger(q, w, z, zw) ─ Cast ─▶ Mul by sw ─▶ Mul by s ─▶ y
   *
   * The sums are of whole numbers, whose order does not matter, and all else goes element by element
   * along the row, so a token's numbers depend on nothing but its text. The weights stay as they are,
   * in 8 bits. A finer scale is also nearer to the model with unrounded activations: cosine 0.996 on
   * average, where the whole tensor's scale has 0.991 (16 random texts; on a processor that, as many
   * without VNNI, adds two products in 16 bits and saturates there, with either scale). The two factors
   * stay apart because ONNX Runtime fuses a product of both with MatMulInteger into a node that knows
   * scalars alone.
   *
   * Nodes keep their places, so the graph stays in topological order. What does not fit the pattern
   * stays as it is; whether a model's vectors hold still is measured when it is opened.
   */
  private static final int MODEL_GRAPH = 7;
  private static final int MODEL_OPSETS = 8;
  private static final int OPSET_DOMAIN = 1;
  private static final int OPSET_VERSION = 2;
  private static final int GRAPH_NODE = 1;
  private static final int GRAPH_INITIALIZER = 5;
  private static final int TENSOR_DIMENSIONS = 1;
  private static final int TENSOR_TYPE = 2;
  private static final int TENSOR_NAME = 8;
  private static final int TENSOR_RAW = 9;
  private static final int TENSOR_LOCATION = 14;
  private static final int FLOAT = 1;
  private static final int UINT8 = 2;
  private static final int INT64 = 7;

  /** Since here all operators that are put in are there. */
  private static final long LEAST_OPSET = 11;

  /** Since here ReduceMax takes its axes as an input. */
  private static final long AXES_ARE_AN_INPUT = 18;

  private static final String OWN = "serval/";
  private static final String TINY = OWN + "tiny";
  private static final String STEPS = OWN + "steps";
  private static final String CENTRE = OWN + "centre";
  private static final String ZERO_POINT = OWN + "zero_point";
  private static final String LAST_AXIS = OWN + "last_axis";

  private final ProtoMessage model;
  private final ProtoMessage graph;
  private final long opset;
  private final List<GraphNode> nodes;
  private final Map<String, GraphNode> makers = new HashMap<>();
  private final Map<String, List<GraphNode>> takers = new HashMap<>();

  private RowQuantisation(ProtoMessage model, ByteBuffer graph) {
    this.model = model;
    this.graph = ProtoMessage.parse(graph);
    this.opset = opset(model);
    this.nodes = this.graph.all(GRAPH_NODE).stream().map(GraphNode::read).toList();
    for (GraphNode node : nodes) {
      node.outputs().forEach(output -> makers.put(output, node));
      node.inputs().forEach(i -> takers.computeIfAbsent(i, _ -> new ArrayList<>()).add(node));
    }
  }

  /**
   * Rewrites a model.
   *
   * @param bytes the model's file
   * @return the changed file, or nothing where there is nothing to change
   * @throws IllegalArgumentException when the file is cut off or no model
   */
  static Optional<ByteBuffer> rewrite(ByteBuffer bytes) {
    ProtoMessage model = ProtoMessage.parse(bytes);
    List<ByteBuffer> graphs = model.all(MODEL_GRAPH);
    if (graphs.isEmpty()) {
      throw new IllegalArgumentException("there is no graph in it");
    }
    RowQuantisation rewriting = new RowQuantisation(model, graphs.getLast());
    return rewriting.possible() ? rewriting.rewritten() : Optional.empty();
  }

  private static long opset(ProtoMessage model) {
    return model.messages(MODEL_OPSETS).stream()
        .filter(opset -> opset.text(OPSET_DOMAIN).isEmpty())
        .mapToLong(opset -> opset.number(OPSET_VERSION))
        .max()
        .orElse(0);
  }

  /** Whether the weights are in the file, and the operators in the language. */
  private boolean possible() {
    return opset >= LEAST_OPSET
        && nodes.stream().anyMatch(node -> node.type().equals("DynamicQuantizeLinear"))
        && graph.all(GRAPH_INITIALIZER).stream()
            .noneMatch(tensor -> ProtoMessage.parse(tensor).number(TENSOR_LOCATION) == 1);
  }

  private Optional<ByteBuffer> rewritten() {
    Map<GraphNode, List<GraphNode>> changes = new HashMap<>();
    for (GraphNode node : nodes) {
      if (node.type().equals("DynamicQuantizeLinear")) {
        change(node, changes);
      }
    }
    if (changes.isEmpty()) {
      return Optional.empty();
    }
    ProtoMessage changed = graph.without(GRAPH_NODE);
    nodes.stream()
        .flatMap(node -> changes.getOrDefault(node, List.of(node)).stream())
        .forEach(node -> changed.with(GRAPH_NODE, node.message()));
    constants().forEach(tensor -> changed.with(GRAPH_INITIALIZER, tensor));
    ProtoMessage result = model.without(MODEL_GRAPH).with(MODEL_GRAPH, changed);
    ByteBuffer file = ByteBuffer.allocateDirect(result.size());
    result.write(file);
    return Optional.of(file.flip());
  }

  /** Changes a quantisation and all that hangs on it, or nothing of it. */
  private void change(GraphNode quantise, Map<GraphNode, List<GraphNode>> changes) {
    String x = quantise.inputs().getFirst();
    String q = quantise.outputs().get(0);
    Map<GraphNode, List<GraphNode>> own = new HashMap<>();
    own.put(quantise, quantisedByRow(x, q));
    Set<GraphNode> expected = new HashSet<>();
    for (GraphNode product : takers.getOrDefault(q, List.of())) {
      Product parts = parts(product, quantise);
      if (parts == null) {
        return;
      }
      expected.addAll(List.of(product, parts.scales()));
      own.put(product, List.of(product(product, q)));
      own.put(parts.scales(), List.of());
      own.put(parts.scaled(), scaled(parts, x));
    }
    boolean nobodyElse =
        Stream.of(quantise.outputs().get(1), quantise.outputs().get(2))
            .flatMap(name -> takers.getOrDefault(name, List.of()).stream())
            .allMatch(expected::contains);
    if (nobodyElse) {
      changes.putAll(own);
    }
  }

  /**
   * What follows a product of quantised matrices.
   *
   * @param cast makes its whole numbers floating
   * @param weightScale the name of the weight's scale
   * @param scales multiplies the two scales
   * @param scaled multiplies the product by both
   */
  private record Product(GraphNode cast, String weightScale, GraphNode scales, GraphNode scaled) {}

  private @Nullable Product parts(GraphNode product, GraphNode quantise) {
    GraphNode cast = only(product, "Cast");
    GraphNode scaled = cast == null ? null : only(cast, "Mul");
    if (!product.type().equals("MatMulInteger")
        || product.inputs().size() < 3
        || !product.inputs().getFirst().equals(quantise.outputs().get(0))
        || !product.inputs().get(2).equals(quantise.outputs().get(2))
        || cast == null
        || scaled == null) {
      return null;
    }
    String scale = quantise.outputs().get(1);
    GraphNode scales = makers.get(scaled.inputBeside(cast.output()));
    if (scales == null
        || !scales.type().equals("Mul")
        || !scales.takes(scale)
        || takers.getOrDefault(scales.output(), List.of()).size() != 1) {
      return null;
    }
    return new Product(cast, scales.inputBeside(scale), scales, scaled);
  }

  /** The one node that takes a node's output, if it is of a type. */
  private @Nullable GraphNode only(GraphNode node, String type) {
    List<GraphNode> takers = this.takers.getOrDefault(node.output(), List.of());
    return takers.size() == 1 && takers.getFirst().type().equals(type) ? takers.getFirst() : null;
  }

  private List<GraphNode> quantisedByRow(String x, String q) {
    String own = OWN + x;
    return List.of(
        GraphNode.of("Abs", own + "/abs", x),
        largest(own),
        GraphNode.of("Max", own + "/max", own + "/largest", TINY),
        GraphNode.of("Div", own + "/scale", own + "/max", STEPS),
        GraphNode.of("Div", own + "/steps", x, own + "/scale"),
        GraphNode.of("Add", own + "/moved", own + "/steps", CENTRE),
        GraphNode.of("Round", own + "/rounded", own + "/moved"),
        GraphNode.of("Cast", q, own + "/rounded").with("to", UINT8));
  }

  private GraphNode largest(String own) {
    return opset < AXES_ARE_AN_INPUT
        ? GraphNode.of("ReduceMax", own + "/largest", own + "/abs").withList("axes", -1)
        : GraphNode.of("ReduceMax", own + "/largest", own + "/abs", LAST_AXIS);
  }

  private static GraphNode product(GraphNode product, String q) {
    List<String> inputs = new ArrayList<>(product.inputs());
    inputs.set(0, q);
    inputs.set(2, ZERO_POINT);
    return GraphNode.of("MatMulInteger", product.output(), inputs.toArray(String[]::new));
  }

  private static List<GraphNode> scaled(Product parts, String x) {
    String result = parts.scaled().output();
    String byWeight = OWN + result + "/by_weight";
    return List.of(
        GraphNode.of("Mul", byWeight, parts.cast().output(), parts.weightScale()),
        GraphNode.of("Mul", result, byWeight, OWN + x + "/scale"));
  }

  private Stream<ProtoMessage> constants() {
    Stream<ProtoMessage> all =
        Stream.of(
            scalar(TINY, 1e-12f),
            scalar(STEPS, 127),
            scalar(CENTRE, 128),
            tensor(ZERO_POINT, UINT8, ByteBuffer.wrap(new byte[] {(byte) 128})));
    ByteBuffer last = little(Long.BYTES).putLong(-1).flip();
    return opset < AXES_ARE_AN_INPUT
        ? all
        : Stream.concat(all, Stream.of(tensor(LAST_AXIS, INT64, last).with(TENSOR_DIMENSIONS, 1)));
  }

  private static ProtoMessage scalar(String name, float value) {
    return tensor(name, FLOAT, little(Float.BYTES).putFloat(value).flip());
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static ProtoMessage tensor(String name, int type, ByteBuffer raw) {
    return ProtoMessage.empty()
        .with(TENSOR_TYPE, type)
        .with(TENSOR_NAME, name)
        .with(TENSOR_RAW, raw);
  }
}
