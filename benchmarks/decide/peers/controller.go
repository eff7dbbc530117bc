// Package peers measures what Kubernetes' and Knative's autoscalers need for one decision, on the inputs that
// decide_benchmark.cpp gives to selfscale. compare.py runs both sides in turn.
package peers

import (
	"context"
	"time"
	_ "unsafe" // for go:linkname

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

// The two steps of Kubernetes' reconciliation that decide, between reading the scale and writing it. They are not
// exported; go.mod pins the version whose signatures stand here, and controller.s lets declarations lack a body.

// computeReplicasForMetrics asks every metric and takes the largest count.
//
//go:linkname computeReplicasForMetrics k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).computeReplicasForMetrics
func computeReplicasForMetrics(
	controller *podautoscaler.HorizontalController, ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler,
	scale *autoscalingv1.Scale, specs []autoscalingv2.MetricSpec,
) (replicas int32, metric string, statuses []autoscalingv2.MetricStatus, timestamp time.Time, err error)

// normalizeDesiredReplicas stabilizes and limits that count.
//
//go:linkname normalizeDesiredReplicas k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).normalizeDesiredReplicas
func normalizeDesiredReplicas(
	controller *podautoscaler.HorizontalController, hpa *autoscalingv2.HorizontalPodAutoscaler, key string,
	current, wanted, least int32,
) int32
