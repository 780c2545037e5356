import { Alert, Button, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Component, type ReactNode } from 'react';

/** A page whose program did not come, or failed, must not take the frame around it with it. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() { return { failed: true }; }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <Alert color="red" icon={<IconAlertTriangle size={18} />} title="This page could not be loaded" role="alert" m="md">
        <Text size="sm">The gateway did not answer, or is another version by now.</Text>
        <Button size="compact-sm" variant="default" mt={6} onClick={() => window.location.reload()}>Load it again</Button>
      </Alert>
    );
  }
}
