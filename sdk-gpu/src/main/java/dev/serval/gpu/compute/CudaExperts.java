package dev.serval.gpu.compute;

import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;

/**
 * A layer of experts on the device.
 *
 * @param owner the backend that made it
 * @param spec its weights and rules
 * @param maxRows the most rows of a step
 * @param router gives what scores are made of
 * @param routerBias where what is added to that lies; 0 for none
 * @param selectionBias where what is added to scores lies where experts are chosen; 0 for none
 * @param expertScales where that lies by which experts count besides; 0 for none
 * @param gateUps the first map of each
 * @param downs the last map of each
 * @param layout how its routes and what lies between its maps are laid out
 */
record CudaExperts(
    CudaBackend owner,
    ExpertSpec spec,
    int maxRows,
    CudaWeight.Matrix router,
    long routerBias,
    long selectionBias,
    long expertScales,
    ExpertWeights gateUps,
    ExpertWeights downs,
    RouteLayout layout)
    implements ExpertLayer {

  /**
   * Whether one kernel multiplies by gates and ups and gates the one with the other, as nothing is
   * done to them in between.
   */
  boolean fuses() {
    return ExpertKernels.gates(spec.function())
        && !spec.weighsInputs()
        && gateUps.fuses()
        && downs.packed();
  }

  /** Whether tensor cores multiply by all of its experts. */
  boolean packed() {
    return gateUps.packed() && downs.packed();
  }

  /** How the products of gates and ups lie. */
  CudaActivations.Form gatedForm() {
    return downs.packed() ? CudaActivations.Form.OPERAND : CudaActivations.Form.ROWS;
  }
}
