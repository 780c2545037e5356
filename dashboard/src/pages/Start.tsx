import { Page } from '../parts/Page';
import { Connect } from './start/FirstRun';

export default function Start() {
  return <Page about="What an application needs to talk to this gateway."><Connect /></Page>;
}
