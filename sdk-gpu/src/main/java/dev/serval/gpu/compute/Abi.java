package dev.serval.gpu.compute;

import dev.serval.api.compute.OperandChecks;
import java.util.List;

/** The structures that kernels take or read, as {@code abi.h} has them. */
final class Abi {
  static final int TILE = 64;
  static final int OPERAND_ROWS = 128;
  static final int PART = 256;
  static final int TILE_QUERIES = 128;
  static final int MAX_EXPERTS = 1024;
  static final int MAX_HEADS = 128;
  static final int MAX_MIXED = OperandChecks.MOST_MIXED;
  static final int NO_TOKEN = -1;

  static final Struct STEP =
      Struct.named("Step")
          .narrow("rows", "sequences", "logitRows", "tiles", "parts", "draws")
          .narrow("tokens", "positions", "sequenceOf", "firstRow", "logitSource")
          .narrow("tileOf", "partOf", "tableBegin", "blocks", "drawOf", "biases", "unused")
          .build();
  static final Struct TILE_OF = Struct.named("Tile").narrow("sequence", "firstRow", "rows").build();
  static final Struct PART_OF = Struct.named("Part").narrow("sequence", "part").build();
  static final Struct DRAW =
      Struct.named("Draw")
          .wide("temperature", "topP", "minP", "repetition", "presence", "frequency")
          .wide("state", "drawn")
          .narrow("row", "topK", "counts", "firstBias", "biasCount", "unused")
          .build();
  static final Struct BIAS = Struct.named("Bias").narrow("token", "bias").build();
  static final Struct PACK =
      Struct.named("Pack")
          .wide("source", "target", "books")
          .narrow("rows", "columns", "firstRow", "targetStride")
          .build();
  static final Struct UNPACK =
      Struct.named("Unpack").wide("source", "target").narrow("kTiles", "tileRows").build();
  static final Struct WIDEN =
      Struct.named("Widen").wide("source", "target").narrow("count", "unused").build();
  static final Struct EMBED =
      Struct.named("Embed")
          .wide("step", "table", "out")
          .narrow("columns", "tableStride", "outStride", "ofPositions")
          .build();
  static final Struct RMS_NORM =
      Struct.named("RmsNorm")
          .wide("step", "in", "gain", "out")
          .narrow("columns", "inStride", "outStride", "epsilon")
          .build();
  static final Struct LAYER_NORM =
      Struct.named("LayerNorm")
          .wide("step", "in", "gain", "bias", "out")
          .narrow("columns", "inStride", "outStride", "epsilon")
          .build();
  static final Struct ADD_SCALED =
      Struct.named("AddScaled")
          .wide("step", "in", "out")
          .narrow("columns", "inStride", "outStride", "factor")
          .build();
  static final Struct MULTIPLY =
      Struct.named("Multiply")
          .wide("step", "in", "factors", "out")
          .narrow("columns", "inStride", "outStride", "outOperand")
          .build();
  static final Struct RESCALE =
      Struct.named("Rescale")
          .wide("step", "like", "rows")
          .narrow("columns", "likeStride", "stride", "unused")
          .build();
  static final Struct MIX =
      Struct.named("Mix")
          .wide("step", "shares")
          .narrow("columns", "stride", "sharesStride", "ins", "outs", "unused")
          .array("in", MAX_MIXED)
          .array("out", MAX_MIXED)
          .build();
  static final Struct SPARSIFY =
      Struct.named("Sparsify")
          .wide("step", "gates")
          .narrow("columns", "stride", "deviations", "unused")
          .build();
  static final Struct SOFTCAP =
      Struct.named("Softcap")
          .wide("step", "scores")
          .narrow("columns", "stride", "cap", "unused")
          .build();
  static final Struct COPY_COLUMNS =
      Struct.named("CopyColumns")
          .wide("step", "in", "out")
          .narrow("inStride", "outStride", "parts", "columns", "inStep", "outStep")
          .narrow("factor", "unused")
          .build();
  static final Struct ROUND =
      Struct.named("Round")
          .wide("step", "in", "out")
          .narrow("columns", "inStride", "outStride", "unused")
          .build();
  static final Struct LINEAR =
      Struct.named("Linear")
          .wide("step", "in", "weight", "bias", "out", "partials", "arrivals")
          .narrow("ofLogits", "inStride", "weightRows", "columns", "weightStride", "segments")
          .narrow("outStride", "outColumn", "add", "unused")
          .build();
  static final Struct HEAD_LINEAR =
      Struct.named("HeadLinear")
          .wide("step", "in", "out", "inStep")
          .narrow("inStride", "weightRows", "columns", "weightStride", "segments")
          .narrow("outStride", "outColumn", "outStep")
          .array("weights", MAX_HEADS)
          .build();
  static final Struct ROTATE_STORE =
      Struct.named("RotateStore")
          .wide("step", "qkv", "queryNorm", "keyNorm", "valueNorm", "queryTurns", "keyTurns")
          .wide("kv", "blockBytes", "layerOffset")
          .narrow("stride", "heads", "kvHeads", "headDim", "blockTokens", "interleaved")
          .narrow("normEpsilon", "pairs", "valueDim", "inputs", "normsBehind", "groups")
          .narrow("group", "unused")
          .build();
  static final Struct ATTENTION =
      Struct.named("Attention")
          .wide("step", "qkv", "kv", "out", "partials", "arrivals", "sinks")
          .wide("blockBytes", "layerOffset")
          .narrow("stride", "heads", "kvHeads", "headDim", "blockTokens", "window")
          .narrow("outStride", "outOperand", "scale", "softcap", "valueDim", "chunked")
          .narrow("groups", "group")
          .build();
  static final Struct GATED =
      Struct.named("Gated")
          .wide("step", "in", "out")
          .narrow("columns", "inStride", "outStride", "outOperand")
          .build();
  static final Struct GATE_OUTPUT =
      Struct.named("GateOutput")
          .wide("step", "gates", "in", "out")
          .narrow("columns", "gatesStride", "inStride", "outStride", "outOperand", "unused")
          .build();
  static final Struct RECALL =
      Struct.named("Recall")
          .wide("step", "in", "convolution", "convolutionBias", "decay", "timeBias", "skip", "norm")
          .wide("between", "out", "kv", "blockBytes", "stateOffset")
          .narrow("inStride", "betweenStride", "outStride", "outOperand")
          .narrow("keyHeads", "valueHeads", "keyDim", "valueDim", "taps", "tiled", "normParts")
          .narrow("blockTokens", "groups", "group", "epsilon", "unused")
          .build();
  static final Struct SHORT_CONVOLUTION =
      Struct.named("ShortConvolution")
          .wide("step", "in", "kernel", "out", "kv", "blockBytes", "stateOffset")
          .narrow("inStride", "outStride", "outOperand", "width", "taps", "blockTokens")
          .narrow("groups", "group")
          .build();
  static final Struct ROUTE =
      Struct.named("Route")
          .wide("step", "products", "selectionBias", "expertScales", "experts", "shares")
          .narrow("count", "stride", "used", "normalised", "factor", "sigmoid")
          .narrow("groups", "groupsUsed", "twoHighest", "unused")
          .build();
  static final Struct ROUTE_TILE =
      Struct.named("RouteTile").narrow("expert", "first", "count").build();
  static final Struct SORT_ROUTES =
      Struct.named("SortRoutes")
          .wide("step", "experts", "routes", "tileOf", "sources", "places")
          .narrow("count", "used", "firstRow", "mostRows", "tileRoutes", "unused")
          .build();
  static final Struct ROUTED_LINEAR =
      Struct.named("RoutedLinear")
          .wide("routes", "tileOf", "sources", "weights", "biases", "in", "out")
          .narrow("inStride", "weightRows", "columns", "weightStride", "outStride", "outColumn")
          .build();
  static final Struct SCALE_ROUTES =
      Struct.named("ScaleRoutes")
          .wide("step", "places", "shares", "rows")
          .narrow("columns", "stride", "used", "firstRow", "mostRows", "unused")
          .build();
  static final Struct ADD_ROUTES =
      Struct.named("AddRoutes")
          .wide("step", "places", "shares", "given", "out")
          .narrow("columns", "givenStride", "outStride", "used", "firstRow", "mostRows")
          .build();
  static final Struct SAMPLE =
      Struct.named("Sample")
          .wide("step", "logits", "counts", "tokens")
          .narrow("vocabulary", "stride")
          .build();
  static final Struct COUNT =
      Struct.named("Count").wide("tokens", "counts").narrow("prompt", "total").build();

  /** All of them. */
  static final List<Struct> ALL =
      List.of(
          STEP,
          TILE_OF,
          PART_OF,
          DRAW,
          BIAS,
          PACK,
          UNPACK,
          WIDEN,
          EMBED,
          RMS_NORM,
          LAYER_NORM,
          ADD_SCALED,
          MULTIPLY,
          RESCALE,
          MIX,
          SPARSIFY,
          SOFTCAP,
          COPY_COLUMNS,
          ROUND,
          LINEAR,
          HEAD_LINEAR,
          ROTATE_STORE,
          ATTENTION,
          GATED,
          GATE_OUTPUT,
          RECALL,
          SHORT_CONVOLUTION,
          ROUTE,
          ROUTE_TILE,
          SORT_ROUTES,
          ROUTED_LINEAR,
          SCALE_ROUTES,
          ADD_ROUTES,
          SAMPLE,
          COUNT);

  private Abi() {}
}
