package dev.serval.models.onnx;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * A node of an ONNX graph (<a
 * href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">NodeProto</a>).
 *
 * @param type its operator
 * @param inputs the names of what it takes
 * @param outputs the names of what it gives
 * @param message the node as it was read
 */
record GraphNode(String type, List<String> inputs, List<String> outputs, ProtoMessage message) {
  private static final int INPUT = 1;
  private static final int OUTPUT = 2;
  private static final int TYPE = 4;
  private static final int ATTRIBUTE = 5;
  private static final int DOMAIN = 7;
  private static final int ATTRIBUTE_NAME = 1;
  private static final int ATTRIBUTE_INT = 3;
  private static final int ATTRIBUTE_INTS = 8;
  private static final int ATTRIBUTE_TYPE = 20;
  private static final int TYPE_INT = 2;
  private static final int TYPE_INTS = 7;

  /** Reads a node; one of another domain than ONNX's own has it before its type. */
  static GraphNode read(ByteBuffer bytes) {
    ProtoMessage message = ProtoMessage.parse(bytes);
    String domain = message.text(DOMAIN);
    String type = message.text(TYPE);
    return new GraphNode(
        domain.isEmpty() || domain.equals("ai.onnx") ? type : domain + "." + type,
        message.texts(INPUT),
        message.texts(OUTPUT),
        message);
  }

  /** A new node with one output. */
  static GraphNode of(String type, String output, String... inputs) {
    ProtoMessage message = ProtoMessage.empty();
    List.of(inputs).forEach(input -> message.with(INPUT, input));
    message.with(OUTPUT, output).with(TYPE, type);
    return new GraphNode(type, List.of(inputs), List.of(output), message);
  }

  /** The same node with one more attribute. */
  GraphNode with(String attribute, long value) {
    message.with(
        ATTRIBUTE,
        ProtoMessage.empty()
            .with(ATTRIBUTE_NAME, attribute)
            .with(ATTRIBUTE_INT, value)
            .with(ATTRIBUTE_TYPE, TYPE_INT));
    return this;
  }

  /** The same node with one more attribute, a list of one number. */
  GraphNode withList(String attribute, long value) {
    message.with(
        ATTRIBUTE,
        ProtoMessage.empty()
            .with(ATTRIBUTE_NAME, attribute)
            .with(ATTRIBUTE_INTS, value)
            .with(ATTRIBUTE_TYPE, TYPE_INTS));
    return this;
  }

  /** Its one output. */
  String output() {
    return outputs.getFirst();
  }

  boolean takes(String name) {
    return inputs.contains(name);
  }

  /** Its other input. */
  String inputBeside(String name) {
    return inputs.get(inputs.getFirst().equals(name) ? 1 : 0);
  }
}
