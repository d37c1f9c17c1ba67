package dev.serval.models.cpu.tier;

import dev.serval.api.compute.NumericsId;
import dev.serval.models.cpu.activation.ActivationKernel;
import dev.serval.models.cpu.activation.SoftcapKernel;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.linear.LinearKernel;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.recurrent.RecurrentKernel;
import dev.serval.models.cpu.row.RowKernel;

/**
 * The kernels a backend computes with, chosen once when it is opened.
 *
 * @param name what they are, for people
 * @param numerics what their results depend on
 * @param linear matrices
 * @param attention attention
 * @param activation what feed-forward layers have between their maps
 * @param softcap what keeps scores small
 * @param rows norms and rotation
 * @param recurrent layers that carry a state along
 * @param prefetch what lets rows be there in time
 */
public record KernelTier(
    String name,
    NumericsId numerics,
    LinearKernel linear,
    AttentionKernel attention,
    ActivationKernel activation,
    SoftcapKernel softcap,
    RowKernel rows,
    RecurrentKernel recurrent,
    Prefetch prefetch) {}
