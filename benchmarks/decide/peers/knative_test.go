package peers

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	pkgmetrics "knative.dev/pkg/metrics"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/autoscaler/scaling"
)

var errNotScalable = errors.New("Knative's autoscaler had no valid answer")

// memoryLoad is a client whose windows are steady: stable and panic averages are the same.
type memoryLoad struct{ turn int }

func (l *memoryLoad) StableAndPanicConcurrency(types.NamespacedName, time.Time) (float64, float64, error) {
	return l.StableAndPanicRPS(types.NamespacedName{}, time.Time{})
}

func (l *memoryLoad) StableAndPanicRPS(types.NamespacedName, time.Time) (float64, float64, error) {
	total := float64(totals[l.turn])
	return total, total, nil
}

// readyPods counts the pods that serve.
type readyPods int

func (p readyPods) ReadyCount() (int, error)    { return int(p), nil }
func (p readyPods) NotReadyCount() (int, error) { return 0, nil }

// BenchmarkKnative times Scale with the defaults of Knative's config-autoscaler.
func BenchmarkKnative(b *testing.B) {
	const tick = 2 * time.Second
	load := &memoryLoad{}
	scaler := scaling.New(context.Background(), namespace, "web", load, readyPods(replicasOfExternal),
		&scaling.DeciderSpec{
			ScalingMetric:       autoscaling.RPS,
			TargetValue:         targetPerReplica,
			TotalValue:          targetPerReplica / 0.7,
			TargetBurstCapacity: 211,
			MaxScaleUpRate:      1000,
			MaxScaleDownRate:    2,
			PanicThreshold:      2,
			StableWindow:        time.Minute,
			Reachable:           true,
		})
	logger := zap.NewNop().Sugar()
	now := time.Now()
	scale := func(turn int) (int32, error) {
		load.turn = turn
		now = now.Add(tick)
		result := scaler.Scale(logger, now)
		if !result.ScaleValid {
			return 0, errNotScalable
		}
		return result.DesiredPodCount, nil
	}
	for since := time.Duration(0); since <= 2*time.Minute; since += tick {
		if _, err := scale(0); err != nil { // it begins in panic mode, and leaves it a minute later
			b.Fatal(err)
		}
	}
	b.Run("external", func(b *testing.B) { measure(b, scale) })
	// What Scale spends on handing its gauges to the exporter, in which nothing is set up here.
	b.Run("report", func(b *testing.B) {
		measure(b, func(int) (int32, error) {
			pkgmetrics.RecordBatch(context.Background())
			return 0, nil
		})
	})
}
