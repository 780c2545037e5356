namespace CurateMe.Gateway.Hosting;

/// <summary>Addresses that are read by balancers, monitors and browsers: whoever may GET one may ask by HEAD whether it is there.</summary>
static class Reading
{
    public static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];
}
