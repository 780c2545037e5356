using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Alerts;

namespace CurateMe.Gateway.Approvals;

/// <summary>Tells that a request waits for a person.</summary>
sealed class ApprovalAlerts(AlertDesk desk)
{
    public void Asked(ApprovalDocument approval)
    {
        var data = new JsonObject
        {
            ["approval_id"] = approval.ApprovalId,
            ["key_id"] = approval.KeyId,
            ["model"] = approval.Model,
            ["expires_at"] = Rfc3339Converter.Format(approval.ExpiresAt),
        };
        desk.Raise(AlertType.ApprovalRequested, approval.OrgId, $"approval:{approval.ApprovalId}", approval.ApprovalId, data.WithMoney("estimated_cost", approval.EstimatedCost).WithMoney("threshold", approval.Threshold));
    }
}
