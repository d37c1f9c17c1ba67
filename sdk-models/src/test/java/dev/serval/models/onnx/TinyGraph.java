package dev.serval.models.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Builds ONNX models of a few nodes. */
final class TinyGraph {
  static final int FLOAT = 1;
  static final int INT8 = 3;
  static final int INT64 = 7;

  private final long opset;
  private final ProtoMessage graph = ProtoMessage.empty().with(2, "tiny");

  TinyGraph(long opset) {
    this.opset = opset;
  }

  TinyGraph node(GraphNode node) {
    graph.with(1, node.message());
    return this;
  }

  TinyGraph input(String name, int type, String... dimensions) {
    graph.with(11, value(name, type, dimensions));
    return this;
  }

  TinyGraph output(String name, int type, String... dimensions) {
    graph.with(12, value(name, type, dimensions));
    return this;
  }

  TinyGraph floats(String name, float[] values, long... dimensions) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(values);
    return tensor(name, FLOAT, raw, dimensions);
  }

  TinyGraph bytes(String name, byte[] values, long... dimensions) {
    return tensor(name, INT8, ByteBuffer.wrap(values), dimensions);
  }

  private TinyGraph tensor(String name, int type, ByteBuffer raw, long... dimensions) {
    ProtoMessage tensor = ProtoMessage.empty();
    for (long dimension : dimensions) {
      tensor.with(1, dimension);
    }
    graph.with(5, tensor.with(2, type).with(8, name).with(9, raw));
    return this;
  }

  private static ProtoMessage value(String name, int type, String... dimensions) {
    ProtoMessage shape = ProtoMessage.empty();
    for (String dimension : dimensions) {
      boolean fixed = dimension.matches("\\d+");
      ProtoMessage one = ProtoMessage.empty();
      shape.with(1, fixed ? one.with(1, Long.parseLong(dimension)) : one.with(2, dimension));
    }
    ProtoMessage tensor = ProtoMessage.empty().with(1, type).with(2, shape);
    return ProtoMessage.empty().with(1, name).with(2, ProtoMessage.empty().with(1, tensor));
  }

  /** The file. */
  ByteBuffer model() {
    ProtoMessage model =
        ProtoMessage.empty()
            .with(1, 8)
            .with(8, ProtoMessage.empty().with(1, "").with(2, opset))
            .with(7, graph);
    ByteBuffer bytes = ByteBuffer.allocateDirect(model.size());
    model.write(bytes);
    return bytes.flip();
  }

  /** The file's bytes. */
  byte[] file() {
    ByteBuffer model = model();
    byte[] bytes = new byte[model.remaining()];
    model.get(bytes);
    return bytes;
  }
}
