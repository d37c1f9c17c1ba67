package dev.serval.gpu.compute;

/**
 * What layers of experts have between their maps, which all of a backend's share as they follow one
 * another. For each route of a turn, at most 16384 of them: what its expert gives, 4 bytes · width;
 * the product of gate and up, 2 bytes · inner (4 where a weight is of F32 or F16); and before it
 * gate and up, 8 bytes · inner, where not one kernel computes both, or up alone, where there is no
 * gate.
 *
 * @param routing which rows go where
 * @param gateUps gates and ups
 * @param gated their products
 * @param given what is made of them
 */
record ExpertRoom(
    GrowingBuffer routing, GrowingBuffer gateUps, GrowingBuffer gated, GrowingBuffer given) {

  /** Has room for a layer, so that none is wanting in a step. */
  void reserve(CudaExperts layer) {
    routing(layer);
    if (!layer.fuses()) {
      gateUps(layer);
    }
    gated(layer);
    given(layer);
  }

  /** Where a layer's routes lie. */
  long routing(CudaExperts layer) {
    return routing.atLeast(layer.layout().bytes());
  }

  /** A row of products of the router for each row of a step. */
  CudaActivations products(CudaExperts layer) {
    return new CudaActivations(
        layer.owner(),
        CudaActivations.Form.ROWS,
        layer.maxRows(),
        layer.spec().count(),
        CudaActivations.stride(CudaActivations.Form.ROWS, 1, layer.spec().count()),
        routing(layer) + layer.layout().products());
  }

  /** Gates and ups, or ups alone, a row for each route of a turn. */
  CudaActivations gateUps(CudaExperts layer) {
    int columns = layer.spec().function().inputs(layer.spec().inner());
    return rows(gateUps, layer, CudaActivations.Form.ROWS, columns);
  }

  /** Their products. */
  CudaActivations gated(CudaExperts layer) {
    return rows(gated, layer, layer.gatedForm(), layer.spec().inner());
  }

  /** What experts give. */
  CudaActivations given(CudaExperts layer) {
    return rows(given, layer, CudaActivations.Form.ROWS, layer.spec().width());
  }

  private static CudaActivations rows(
      GrowingBuffer buffer, CudaExperts layer, CudaActivations.Form form, int columns) {
    int routes = layer.layout().turnRoutes();
    long address = buffer.atLeast(CudaActivations.bytes(form, routes, columns));
    int stride = CudaActivations.stride(form, routes, columns);
    return new CudaActivations(layer.owner(), form, routes, columns, stride, address);
  }
}
