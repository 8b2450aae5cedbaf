// Scalar operations in float32.
#include "loops_float.h"

namespace fathom {

template <> StepFn<f32> step_function<f32>(i32 op) { return float_step<f32>(op); }

}  // namespace fathom
