/**
 * What a machine offers and which of it a model is given: {@link
 * dev.serval.scheduling.CpuDeviceProvider} finds the processor, {@link
 * dev.serval.scheduling.PlacementPolicies} choose among what was found.
 */
package dev.serval.scheduling;
